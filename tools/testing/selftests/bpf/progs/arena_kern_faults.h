/* SPDX-License-Identifier: GPL-2.0 */
#pragma once

#define AK_FAULTS_PAGES 256
