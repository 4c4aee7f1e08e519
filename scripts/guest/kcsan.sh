# shellcheck shell=sh  # comes before the job in guests with VARIANT=kcsan
#
# Of what is reported, vm.sh counts what has a function in it that kcsan.txt matches. Of
# streams that is one only: their elements are freed by means that KCSAN does not take
# for a barrier, and it would have who read one be still at it when it is used again.
echo on >/sys/kernel/debug/kcsan
