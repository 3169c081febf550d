// Package energy measures the energy of work. Its package carbon turns that into
// greenhouse gas.
//
// # Meters
//
// A [Meter] counts joules for as long as it is open. There are four, named by
// their methods:
//
//   - nvml-counter: the total-energy counter of the NVIDIA GPUs that the process
//     may see, Volta and newer. It is a whole device's: what other processes and
//     the other slices of a GPU under MIG draw is in it, and the note says so where
//     NVML lists them. It moves about ten times a second.
//   - nvml-power: the same where at least one of the GPUs has no counter. The power
//     of those is polled 20 times a second and integrated by the trapezoidal rule;
//     what happens between two polls is not seen.
//   - rapl: the counters of the processor's packages, all sockets, and of their
//     memory under /sys/class/powercap: Linux on Intel, and on AMD without the
//     memory. They count whatever runs on the machine and are absent from most
//     virtual machines and containers.
//   - estimate: CPU time turned into energy, the CPU time of this process times a
//     hardware thread's share of the processor's rated power. It cannot tell a
//     frugal instruction from a hungry one, has a band of half to twice the value or
//     wider ([About]), and must not be ranked with measured values.
//
// A GPU's meter and a processor's are summed, and the method names both:
// "nvml-counter+rapl", "nvml-power+estimate".
//
// # Selection
//
// [Open] takes the best of what exists: the GPUs' energy where there are GPUs, and
// for the processor its counters where they can be read, else the estimate. The
// option [Method], else LEMONADE_METER, asks for one by its name, alone or as a
// sum; it is then an error where that does not exist. A GPU whose energy cannot be
// read is an error too, rather than left out. [Describe] tells what was found and
// why the others are not used.
//
//	LEMONADE_METER        such as rapl or nvml-counter+estimate
//	LEMONADE_CPU_TDP      for the estimate: the processor's rated watts, 65, or watts/threads, 280/128
//	LEMONADE_SYSFS        where the host's /sys is, where a container has it mounted elsewhere
//	CUDA_VISIBLE_DEVICES  the GPUs that are counted, as CUDA understands it
//
// Since Linux 5.10 only root may read the counters of rapl, for their pace tells
// secrets of other programs (https://platypusattack.com). Who wants to open them to
// everyone on a machine of their own does so by a rule for udev, such as
// /etc/udev/rules.d/99-rapl.rules:
//
//	ACTION=="add", SUBSYSTEM=="powercap", KERNEL=="intel-rapl:*", RUN+="/bin/chmod a+r /sys%p/energy_uj"
//
// # Windows
//
// A [Window] is the energy between two readings. Windows of one meter may nest and
// overlap, for each has its own first reading. [Synced] waits at both ends for a
// device that works behind the program's back. [Idle] measures what the machine
// draws at rest, and [Over] has it reported beside a window's energy; it is never
// taken off. Of the estimate that is 0 W by definition, since a process that waits
// takes no CPU time.
//
// # Quality
//
// A read that fails is an error, never a zero, and the meter goes on after it. Where
// the count itself was lost, because a counter was reset, vanished for a while or
// was left for so long that it may have gone round unseen, [Reading] counts a break:
// a window over it is an error, and those before and after it are right. A window
// shorter than ten steps of the counter says in its Quality how uncertain that makes
// it; one in which nothing was counted is an error.
package energy
