#!/usr/bin/env python3
"""Write an ACPI table of interrupt controllers (MADT) for a guest of CPUS processors.

  madt.py CPUS FILE

A kernel that finds it in its initramfs, as kernel/firmware/acpi/*.aml, uses it in
place of the machine's. So it takes that many CPUs for present, of which no more than
QEMU has may be started (maxcpus=). QEMU's own CPUs that are not plugged in do not
count as possible without KVM, and plugged in ones slow it down too much, each with a
turn in the loop that counts instructions.
"""
import struct
import sys


def main():
    cpus, path = int(sys.argv[1]), sys.argv[2]
    entries = b"".join(struct.pack("<BBBBI", 0, 8, cpu, cpu, 1) for cpu in range(cpus))
    entries += struct.pack("<BBBBII", 1, 12, 0, 0, 0xFEC00000, 0)   # I/O APIC
    for irq, gsi, flags in (0, 2, 0), (5, 5, 13), (9, 9, 13), (10, 10, 13), (11, 11, 13):
        entries += struct.pack("<BBBBIH", 2, 10, 0, irq, gsi, flags)
    entries += struct.pack("<BBBHB", 4, 6, 0xFF, 0, 1)              # NMI at LINT1
    body = struct.pack("<II", 0xFEE00000, 1) + entries
    # a revision of the OEM's that is higher than the machine's, or it is not taken
    header = struct.pack("<4sIBB6s8sI4sI", b"APIC", 36 + len(body), 3, 0, b"BOCHS ", b"BXPC    ",
                         2, b"BXPC", 1)
    table = bytearray(header + body)
    table[9] = -sum(table) % 256
    with open(path, "wb") as f:
        f.write(table)


main()
