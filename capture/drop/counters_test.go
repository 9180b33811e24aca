package drop

import (
	"fmt"
	"reflect"
	"testing"
)

func TestCounters(t *testing.T) {
	all := map[string]uint64{}
	parseCounters(all, "Udp: InDatagrams NoPorts\nUdp: 5 7\nTcpExt: PAWSEstab\nTcpExt: 18446744073709551615\n")
	parseCounters(all, "Ip6InReceives                   \t3\nUdp6NoPorts                     \t9\n")
	want := map[string]uint64{"Udp InDatagrams": 5, "Udp NoPorts": 7, "TcpExt PAWSEstab": 1<<64 - 1, "Ip6 InReceives": 3, "Udp6 NoPorts": 9}
	if !reflect.DeepEqual(all, want) {
		t.Errorf("%v", all)
	}
	for _, rubbish := range []string{"Udp:", "Udp: A B\nUdp: 1\n", "\n\n", "Udp: A\nIp: 5\n", "x 5\n"} {
		got := map[string]uint64{}
		if parseCounters(got, rubbish); len(got) > 0 {
			t.Errorf("%q: %v", rubbish, got)
		}
	}
	before, now := []Counter{{"a", 1}, {"b", 5}, {"c", 3}}, []Counter{{"a", 1}, {"b", 8}, {"c", 2}, {"d", 1}}
	if since := Since(before, now); !reflect.DeepEqual(since, []Counter{{"b", 3}, {"d", 1}}) {
		t.Errorf("%v", since)
	}
}

func TestDeviceCounters(t *testing.T) {
	head := "Inter-|   Receive  |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
	got := parseDevices(head + "  eth0: 100 2 0 7 0 0 0 0 200 3 0 9 0 0 0 0\n    lo:1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\nx: 1 2\n")
	want := []Counter{{"eth0 rx_dropped", 7}, {"eth0 tx_dropped", 9}, {"lo rx_dropped", 0}, {"lo tx_dropped", 0}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

func TestTally(t *testing.T) {
	var tally Tally
	d := Drop{Reason: Reason{3, "NO_SOCKET"}, Place: Place{Function: "udp"}}
	d.Frame.Length = 10
	for i := range maxKinds + 5 {
		tally.Add(&d, fmt.Sprint(i%(maxKinds+1)))
	}
	counts := tally.Counts()
	sum := tally.Other
	for _, c := range counts {
		sum += c.Packets
	}
	if sum != tally.Packets || len(counts) != maxKinds || counts[0].Packets != 2 || counts[0].Bytes != 20 {
		t.Errorf("%d of %d, %+v", sum, tally.Packets, counts[0])
	}
}
