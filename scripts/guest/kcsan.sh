# shellcheck shell=sh  # comes before the job in guests with VARIANT=kcsan
echo on >/sys/kernel/debug/kcsan
