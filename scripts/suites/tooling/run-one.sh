#!/usr/bin/env bash
# Run the test function $1 with the scratch directory $2; see ../tooling.sh.
# Every command of a test has to succeed unless the test says otherwise.
set -euo pipefail
export REAL # the project under test
REAL=$(cd "$(dirname "$0")/../../.." && pwd -P)
T=$2
here=$(dirname "$0")
for f in fixtures base toolchain tree recovery ksrc export series run; do
	. "$here/$f.sh"
done
export HOME=$T # no configuration of the user's
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.fsync GIT_CONFIG_VALUE_0=none
export PATH=$T/fake:$PATH
"$1"
