package filter

import (
	"encoding/hex"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sockwire/capture"
)

// rareDiffers are the beginnings and ends of entries whose meaning here is another than that of libpcap 1.10, with the
// reason.
var rareDiffers = []struct{ prefix, suffix, why string }{
	{"slip_outbound", "", "1.10 takes any direction but 0 for out, 1.11 only 1"},
	{"mtp", "_ne", "1.10 takes != for =, 1.11 does not"},
	{"atm_", "_ne", "1.10 takes != for =, 1.11 does not"},
	{"mtp3_dpc_", "", "libpcap compares the size of point codes with their bytes the other way round"},
	{"mtp3_opc_", "", "libpcap compares the size of point codes with their bytes the other way round"},
	{"mtp3_hdpc_", "", "libpcap compares the size of point codes with their bytes the other way round"},
	{"mtp3_hopc_", "", "libpcap compares the size of point codes with their bytes the other way round"},
	{"arcnet_dst_host", "", "1.10 reads $a4 as an Ethernet address, 1.11 does not"},
	{"link_proto_ip6_", "_ENC", "1.10 knows IPv6 by one number, 1.11 by those of all systems"},
	{"link_proto_ip6_", "_PFLOG", "1.10 knows IPv6 by one number, 1.11 by those of all systems"},
	{"link_proto_ip_ARCNET", "", "1.10 takes RFC 1051, whose header is shorter, for RFC 1201"},
}

// whyRare tells why an entry may differ, "" where it may not.
func whyRare(name string) string {
	for _, d := range rareDiffers {
		if strings.HasPrefix(name, d.prefix) && strings.HasSuffix(name, d.suffix) {
			return d.why
		}
	}
	return ""
}

// TestRareLinks holds the programs of the accept list for the link types that the evaluator does not know against
// libpcap's, on the corpus's packets and on packets made for every branch of both.
func TestRareLinks(t *testing.T) {
	o := newOracle(t)
	names := testNames(t)
	rng := rand.New(rand.NewPCG(3, 4))
	compared, unknown, excepted, packets := 0, 0, 0, 0
	for _, e := range readList(t, "accept.json") {
		link, ok := linkByName(e.DLT)
		if !ok || e.Name == "bpf_image" || slices.Contains(supportedLinks, link) {
			continue
		}
		if why := whyRare(e.Name); why != "" {
			excepted++
			continue
		}
		expr := withoutNames.Replace(strings.ToLower(e.Exprs[0]))
		theirs, err := o.compile(link, expr, e.LinuxExt != 0, true)
		if err != nil {
			unknown++
			continue
		}
		opts := e.options(names)
		opts.NoOptimize = true
		ours, err := MustParse(expr).Compile(link, opts)
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		compared++
		for _, data := range slices.Concat(corpusPackets(t, link), coverBranches(rng, []*Program{&ours, &theirs}, seedPackets(rng), nil)) {
			packets++
			if got, want := ours.Match(data, nil), theirs.Match(data, nil); got != want {
				t.Errorf("%s: %s: %q is %v, for libpcap %v, on %d bytes %x", e.Name, link, expr, got, want, len(data), data[:min(len(data), 90)])
				break
			}
		}
	}
	t.Logf("%d expressions compared on %d packets, %d unknown to this libpcap, %d excepted with a reason", compared, packets, unknown, excepted)
	if compared < 100 {
		t.Errorf("only %d expressions were compared", compared)
	}
}

// TestOwnWords: what only one kind of link has, on packets made by hand, and what is refused with its place.
func TestOwnWords(t *testing.T) {
	for _, c := range []struct {
		link capture.LinkType
		expr string
		hex  string
		want bool
	}{
		{capture.LinkMTP2, "dpc 0x1273 and opc 0x3b35 and sls 3", "00000500 735240 3d 0000", false},
		{capture.LinkMTP2, "dpc = 0x1273", "000005 85 7312 00 30", true},
		{capture.LinkMTP2, "dpc > 0x1272 and dpc < 0x1274", "000005 85 7312 00 30", true}, // by the number, not by its bytes
		{capture.LinkMTP2, "sls (3 or 4)", "000005 85 7312 00 30", true},
		{capture.LinkMTP2, "opc = 0x0ec1", "000005 85 0040 b0 03", true},
		{capture.LinkMTP2, "hsio 0x85 and hmsu", "000000 0000 a0 85 00 00 00 00", false},
		{capture.LinkMTP2WithHeader, "fisu", "01000001 000000", true},
		{capture.LinkMTP2WithHeader, "lssu", "01000001 000002", true},
		{capture.LinkSunATM, "vpi 0 and vci 5", "06000005 00", true},
		{capture.LinkSunATM, "sc", "06000005 00", true},
		{capture.LinkSunATM, "connectmsg", "06000005 0000000000 05", true},
		{capture.LinkSunATM, "metaconnect", "06000001 0000000000 0f", false},
		{capture.LinkSunATM, "lane and ether src 02:00:00:00:00:01", "01000064 0001 020000000002 020000000001 0800", true},
		{capture.LinkSunATM, "lane and ip", "01000064 ff00 020000000002 020000000001 0800", false}, // control
		{capture.LinkSunATM, "ip", "02000064 aaaa03 000000 0800 45", true},
		{capture.LinkPFLog, "on em0 and action pass", pflogFrame, true},
		{capture.LinkPFLog, "ifname em1", pflogFrame, false},
		{capture.LinkPFLog, "reason match and rnr 3 and inbound", pflogFrame, true},
		{capture.LinkPFLog, "icmp and src host 10.0.0.1", pflogFrame, true},
		{capture.LinkPFLog, "anywhere: icmp", pflogFrame, true},
		{capture.LinkFrameRelay, "src host 10.0.0.1", "1841 03cc" + echoPacket, true},
		{capture.LinkSLIP, "icmp", strings.Repeat("00", 16) + echoPacket, true},
		{capture.LinkFDDI, "ether dst 02:00:00:00:00:02 and icmp", "50 020000000002 020000000001 aaaa03 000000 0800" + echoPacket, true},
		{capture.LinkMSTP, "broadcast", "55ff 05 ff 07 0000 00", true},
		{capture.LinkARCNET, "link src $be and icmp", "be50 d4 00 0001" + echoPacket, true},
		{capture.LinkPrism, "icmp", "44000000" + strings.Repeat("00", 140) + wlanHex + echoPacket, true},
		{capture.LinkPrism, "icmp", "80211001 00000040" + strings.Repeat("00", 56) + wlanHex + echoPacket, true},
		{capture.LinkAVS, "icmp and wlan dir fromds", "80211001 00000040" + strings.Repeat("00", 56) + wlanHex + echoPacket, true},
		{capture.LinkAVS, "icmp", "80211001 ffffffff" + strings.Repeat("00", 56) + wlanHex + echoPacket, false},
		{capture.LinkPPI, "icmp", "00000800 69000000" + wlanHex + echoPacket, true},
		{capture.LinkPPI, "not icmp", "00000800 01000000" + wlanHex + echoPacket, false}, // no 802.11
		{capture.LinkDSA, "outbound and vlan 5 and icmp", "020000000002 020000000001 40080000 8100 0005 0800" + echoPacket, true},
		{capture.LinkIPNet, "icmp and inbound", "0102 0002" + strings.Repeat("00", 20) + echoPacket, true},
		{capture.LinkATM, "anywhere: icmp", "aaaa03 000000 0800" + echoPacket, true},
	} {
		data, err := hex.DecodeString(strings.ReplaceAll(c.hex, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		for _, plain := range []bool{true, false} {
			f := MustParse(c.expr)
			p, err := f.Compile(c.link, &Options{NoOptimize: plain})
			if err != nil {
				t.Errorf("%s: %q: %v", c.link, c.expr, err)
				continue
			}
			if got := p.Match(data, nil); got != c.want {
				t.Errorf("%s: %q is %v on %x\n%s", c.link, c.expr, got, data, p.AppendListing(nil, ListAssembly))
			}
			if again := MustParse(f.String()); again.String() != f.String() {
				t.Errorf("%q prints as %q and then as %q", c.expr, f, again)
			}
		}
	}
	for expr, want := range map[string]string{
		"sio 256": "column 5", "vci > 65536": "column 7", "reason nothing": "column 8", "sls (3 and 4)": "column 8",
		"action 3": "column 8", "on": "ends too early",
	} {
		if _, err := Parse(expr); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", expr, err, want)
		}
	}
	if _, err := MustParse("dpc 3").Compile(capture.LinkEthernet, nil); err == nil || !strings.Contains(err.Error(), "EN10MB") {
		t.Errorf("dpc on Ethernet: %v", err)
	}
}

const (
	echoPacket = "4500001c 0001 0000 40 01 66de 0a000001 0a000002 0800 f7fd 0001 0001"
	wlanHex    = "0802 0000 020000000002 020000000003 020000000001 0000 aaaa03 000000 0800"
)

// pflogFrame is an echo that rule 3 let in on em0.
var pflogFrame = "3d 02 00 00 656d3000" + strings.Repeat("00", 28) + "00000003 ffffffff" + strings.Repeat("00", 16) + "01 000000" + echoPacket

// TestDeepProtochain follows a chain of a hundred headers, as ip6_protochain_17_deepstack of libpcap's tests asks, and
// one of 16 where the rest of the expression leaves no room for more.
func TestDeepProtochain(t *testing.T) {
	packet := func(headers int) []byte {
		b := append([]byte{0x60, 0, 0, 0, byte((8*headers + 8) >> 8), byte(8*headers + 8), 60, 64}, make([]byte, 32)...)
		for i := range headers {
			next := byte(60)
			if i == headers-1 {
				next = 17
			}
			b = append(b, next, 0, 1, 4, 0, 0, 0, 0)
		}
		return append(b, 0, 1, 0, 2, 0, 8, 0, 0)
	}
	for _, c := range []struct {
		expr    string
		headers int
		want    bool
	}{
		{"ip6 protochain 17", 0, false}, {"ip6 protochain 17", 1, true}, {"ip6 protochain 17", 100, true},
		{"ip6 protochain 17", maxChain, true}, {"ip6 protochain 17", maxChain + 1, false}, {"protochain 17", 100, true},
		{"ip protochain 17", 100, false}, {"ip6 protochain 17 or ip6 protochain 6", 16, true},
		{"ip6 protochain 17 or ip6 protochain 6", 17, false},
	} {
		p, err := MustParse(c.expr).Compile(capture.LinkRaw, nil)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		if got := p.Match(packet(c.headers), nil); got != c.want || p.Len() > MaxInstructions {
			t.Errorf("%s, %d headers: %v by %d instructions", c.expr, c.headers, got, p.Len())
		}
	}
	frames, err := readFrames(filepath.Join(corpusDir(t), "libpcap", "ipv6_ext_headers.pcap"))
	if err != nil || len(frames) != 1 {
		t.Fatal(len(frames), err)
	}
	if p, err := MustParse("ip6 protochain 17").Compile(frames[0].Link, nil); err != nil || !p.Match(frames[0].Data, nil) {
		t.Errorf("the deep packet of libpcap's tests does not match: %v", err)
	}
}
