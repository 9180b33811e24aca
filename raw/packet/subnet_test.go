package packet_test

import (
	"net/netip"
	"testing"

	"sockwire/raw/packet"
)

// TestSubnet: which destinations are those of a whole network.
func TestSubnet(t *testing.T) {
	for _, test := range []struct {
		dst     string
		network string // of an interface
		subnet  bool
		covers  bool
	}{
		{"192.0.2.1..192.0.2.254", "192.0.2.0/24", true, true},
		{"192.0.2.2..192.0.2.255", "192.0.2.0/24", false, false},
		{"192.0.2.0..192.0.2.253", "192.0.2.0/24", false, false},
		{"192.0.2.128..192.0.3.127", "192.0.2.0/23", false, false},
		{"192.0.2.1..192.0.3.254", "192.0.2.0/23", true, true},
		{"192.0.2.1..192.0.2.6", "192.0.2.0/29", false, true},
		{"192.0.2.6,192.0.2.1..192.0.2.3,192.0.2.2..192.0.2.5", "192.0.2.0/29", false, true},
		{"192.0.2.1..192.0.2.3,192.0.2.5,192.0.2.6", "192.0.2.0/29", false, false},
		{"192.0.2.0..192.0.2.255 by 2", "192.0.2.0/24", false, false},
		{"192.0.2.0,192.0.2.1", "192.0.2.0/31", false, false},
		{"0.0.0.0..0.0.0.255", "0.0.0.0/24", true, true},
		{"255.255.255.1..255.255.255.255", "255.255.255.0/24", true, true},
		{"192.0.2.1..192.0.2.254", "2001:db8::/120", true, false},
		{"seq 192.0.2.1", "192.0.2.0/24", true, false},
	} {
		template, err := packet.Parse("ip{dst=" + test.dst + "} / udp{dport=9}")
		if err != nil {
			t.Fatal(err)
		}
		dst := &template.Layers(0)[0].(*packet.IPv4).Dst
		if got := template.Subnet(dst); got != test.subnet {
			t.Errorf("%s: a subnet: %t", test.dst, got)
		}
		if got := template.Covers(dst, netip.MustParsePrefix(test.network)); got != test.covers {
			t.Errorf("%s: covers %s: %t", test.dst, test.network, got)
		}
	}
}
