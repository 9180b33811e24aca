package drop

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Counter is one of the kernel's own counts of what a network namespace lost: group and name as /proc/net/snmp and
// /proc/net/netstat have them, "Udp RcvbufErrors"; interface and counter as /sys/class/net has them, "eth0 rx_dropped".
type Counter struct {
	Name  string
	Count uint64
}

// losses are the counters that tell of packets that were lost, in the order in which they are given.
var losses = []string{
	"Ip InHdrErrors", "Ip InAddrErrors", "Ip InUnknownProtos", "Ip InDiscards", "Ip OutDiscards", "Ip OutNoRoutes", "Ip ReasmFails",
	"Ip FragFails", "IpExt InNoRoutes", "IpExt InTruncatedPkts", "IpExt InCsumErrors", "Icmp InErrors", "Icmp InCsumErrors",
	"Tcp InErrs", "Tcp InCsumErrors", "Tcp OutRsts", "Tcp RetransSegs", "Udp NoPorts", "Udp InErrors", "Udp RcvbufErrors",
	"Udp SndbufErrors", "Udp InCsumErrors", "Udp MemErrors", "UdpLite InErrors", "TcpExt ListenOverflows", "TcpExt ListenDrops",
	"TcpExt TCPReqQFullDrop", "TcpExt TCPBacklogDrop", "TcpExt TCPRcvQDrop", "TcpExt TCPOFODrop", "TcpExt TCPZeroWindowDrop",
	"TcpExt TCPMinTTLDrop", "TcpExt TCPSYNChallenge", "TcpExt PAWSActive", "TcpExt PAWSEstab", "TcpExt PAWSTimewait",
	"TcpExt PruneCalled", "TcpExt RcvPruned", "TcpExt OfoPruned", "TcpExt TCPAbortOnData", "TcpExt IPReversePathFilter",
	"Ip6 InHdrErrors", "Ip6 InAddrErrors", "Ip6 InUnknownProtos", "Ip6 InDiscards", "Ip6 OutDiscards", "Ip6 InNoRoutes", "Ip6 OutNoRoutes",
	"Ip6 InTooBigErrors", "Ip6 InTruncatedPkts", "Ip6 ReasmFails", "Ip6 FragFails", "Icmp6 InErrors", "Icmp6 InCsumErrors", "Udp6 NoPorts",
	"Udp6 InErrors", "Udp6 RcvbufErrors", "Udp6 SndbufErrors", "Udp6 InCsumErrors", "Udp6 MemErrors",
}

// Counters reads the kernel's own counts of lost packets in the calling thread's network namespace. They need no right,
// and tell how many, not which. TCP's retransmissions and resets are among them.
func Counters() ([]Counter, error) {
	all := map[string]uint64{}
	for _, file := range []string{"snmp", "netstat", "snmp6"} {
		b, err := os.ReadFile("/proc/thread-self/net/" + file)
		if err != nil && file != "snmp6" {
			return nil, fmt.Errorf("drop: the kernel's counters: %w", err)
		}
		parseCounters(all, string(b))
	}
	var list []Counter
	for _, name := range losses {
		if n, ok := all[name]; ok {
			list = append(list, Counter{name, n})
		}
	}
	if b, err := os.ReadFile("/proc/thread-self/net/dev"); err == nil {
		list = append(list, parseDevices(string(b))...)
	}
	return list, nil
}

// parseDevices reads what each interface dropped itself: "eth0 rx_dropped" for want of a receiver or of memory, or
// because it was too large, "eth0 tx_dropped" for want of a carrier or of room.
func parseDevices(text string) (list []Counter) {
	const received, sent = 3, 11 // columns behind the name
	for line := range strings.Lines(text) {
		name, numbers, ok := strings.Cut(strings.TrimSpace(line), ":")
		fields := strings.Fields(numbers)
		if !ok || len(fields) <= sent {
			continue
		}
		for _, c := range []struct {
			column int
			what   string
		}{{received, " rx_dropped"}, {sent, " tx_dropped"}} {
			if n, err := strconv.ParseUint(fields[c.column], 10, 64); err == nil {
				list = append(list, Counter{name + c.what, n})
			}
		}
	}
	return list
}

// parseCounters reads the two forms of the kernel: lines of names above lines of numbers, and a name and a number in
// each.
func parseCounters(all map[string]uint64, text string) {
	var group string
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && !strings.HasSuffix(fields[0], ":"): // Udp6NoPorts 0
			if at := strings.IndexByte(fields[0], '6'); at > 0 {
				all[fields[0][:at+1]+" "+fields[0][at+1:]], _ = strconv.ParseUint(fields[1], 10, 64)
			}
		case len(fields) == 0:
		case fields[0] == group && len(fields)-1 == len(names):
			for i, name := range names {
				all[strings.TrimSuffix(group, ":")+" "+name], _ = strconv.ParseUint(fields[i+1], 10, 64)
			}
			group, names = "", nil
		default:
			group, names = fields[0], fields[1:]
		}
	}
}

// Since returns by how much counters rose, those that did.
func Since(before, now []Counter) []Counter {
	was := make(map[string]uint64, len(before))
	for _, c := range before {
		was[c.Name] = c.Count
	}
	var list []Counter
	for _, c := range now {
		if n := c.Count - was[c.Name]; n > 0 && c.Count > was[c.Name] {
			list = append(list, Counter{c.Name, n})
		}
	}
	return list
}
