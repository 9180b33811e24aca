package filter

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sockwire/capture"
)

// readFrames reads a capture file up to its end or the first damage; Data is copied.
func readFrames(name string) ([]capture.Frame, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r, err := capture.NewReader(file)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var frames []capture.Frame
	for {
		var f capture.Frame
		if err := r.Next(&f); err == io.EOF {
			return frames, nil
		} else if err != nil {
			return frames, fmt.Errorf("%s behind packet %d: %w", filepath.Base(name), len(frames), err)
		}
		f.Data = append([]byte(nil), f.Data...)
		frames = append(frames, f)
	}
}

// packetsByLink are the distinct packets of both corpora.
var packetsByLink = sync.OnceValue(func() map[capture.LinkType][][]byte {
	m := map[capture.LinkType][][]byte{}
	seen := map[string]bool{}
	for _, dir := range []string{"tcpdump", "libpcap"} {
		names, _ := filepath.Glob(filepath.Join(corpusRoot, dir, "*.pcap*"))
		for _, name := range names {
			// Some of the captures are damaged on purpose; what can be read of them counts.
			frames, err := readFrames(name)
			if err != nil {
				unseen = append(unseen, err.Error())
			}
			for _, f := range frames {
				if k := f.Link.String() + string(f.Data); !seen[k] {
					seen[k] = true
					m[f.Link] = append(m[f.Link], f.Data)
				}
			}
		}
	}
	return m
})

var (
	corpusRoot string
	unseen     []string // of the corpora
)

// corpusPackets are the packets of one link type, all of them where full is asked for.
func corpusPackets(t testing.TB, link capture.LinkType) [][]byte {
	corpusRoot = corpusDir(t)
	p := packetsByLink()[link]
	t.Logf("not seen of the captures: %d files or the ends of them: %s", len(unseen), strings.Join(unseen, "; "))
	const few = 40
	if os.Getenv("FILTER_FULL") != "" || len(p) <= few {
		return p
	}
	var some [][]byte
	for i := range few {
		some = append(some, p[i*len(p)/few])
	}
	return some
}

// listed is one entry of accept.json, apply.json or reject.json.
type listed struct {
	Name     string
	DLT      string
	Exprs    []string
	Expr     string
	Error    string
	File     string
	Results  []uint32
	Skip     string
	LinuxExt int
	Snaplen  int
	Netmask  string
}

func readList(t *testing.T, name string) []listed {
	b, err := os.ReadFile(filepath.Join(corpusDir(t), "libpcap", name))
	if err != nil {
		t.Skip("no filter list: ", err)
	}
	var l []listed
	if err := json.Unmarshal(b, &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// linkByName finds the link types that this package compiles for.
func linkByName(name string) (capture.LinkType, bool) {
	for _, l := range listedLinks {
		if l.String() == name {
			return l, true
		}
	}
	return 0, false
}

var supportedLinks = []capture.LinkType{capture.LinkNull, capture.LinkEthernet, capture.LinkPPP, capture.LinkPPPHDLC,
	capture.LinkPPPEthernet, capture.LinkRaw, capture.LinkIEEE80211, capture.LinkLoop, capture.LinkLinuxSLL,
	capture.LinkIEEE80211Radio, capture.LinkIPv4, capture.LinkIPv6, capture.LinkLinuxSLL2}

// listedLinks are those and what rarely is captured: the lists of libpcap and TestRareLinks judge them.
var listedLinks = append(slices.Clone(supportedLinks), capture.LinkTokenRing, capture.LinkARCNET, capture.LinkSLIP, capture.LinkFDDI,
	capture.LinkSymantec, capture.LinkATM, capture.LinkSLIPBSDOS, capture.LinkPPPBSDOS, capture.LinkCHDLC, capture.LinkFrameRelay,
	capture.LinkENC, capture.LinkLocalTalk, capture.LinkPFLog, capture.LinkPrism, capture.LinkIPOverFC, capture.LinkSunATM,
	capture.LinkARCNETLinux, capture.LinkAppleIEEE1394, capture.LinkMTP2, capture.LinkAVS, capture.LinkMSTP, capture.LinkPPPPPPD,
	capture.LinkPPI, capture.LinkIPNet, capture.LinkNetAnalyzer, capture.LinkNetAnalyzerPlain, capture.LinkDSABroadcom,
	capture.LinkDSA)

// testNames are the names that libpcap's tests expect in the system's files.
func testNames(t testing.TB) Names {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"hosts": `192.0.2.1 eth-ipv4-noipv6.host123.libpcap.test noeth-ipv4-noipv6.host123.libpcap.test
192.0.2.1 eth-ipv4-ipv6.host123.libpcap.test noeth-ipv4-ipv6.host123.libpcap.test
2001:db8::1 eth-ipv4-ipv6.host123.libpcap.test noeth-ipv4-ipv6.host123.libpcap.test
2001:db8::1 eth-noipv4-ipv6.host123.libpcap.test noeth-noipv4-ipv6.host123.libpcap.test
` + strings.Repeat("192.0.2.9 eth-ipv4x4-noipv6.host357.libpcap.test eth-ipv4x4-ipv6x2.host357.libpcap.test\n", 2) +
			`192.0.2.3 eth-ipv4x4-noipv6.host357.libpcap.test eth-ipv4x4-ipv6x2.host357.libpcap.test
2001:db8::3 eth-noipv4-ipv6x2.host357.libpcap.test eth-ipv4x4-ipv6x2.host357.libpcap.test
2001:db8::2 eth-noipv4-ipv6x2.host357.libpcap.test eth-ipv4x4-ipv6x2.host357.libpcap.test
`,
		"networks": "net-10-0-0-0.libpcap.test 10.0.0.0\nnet-10-20-0-0.libpcap.test 10.20.0.0\nnet-10-20-30-0.libpcap.test 10.20.30.0\n",
		"ethers": `ab:cd:ef:00:00:01 eth-noipv4-noipv6.host123.libpcap.test
ab:cd:ef:00:00:02 eth-ipv4-noipv6.host123.libpcap.test
ab:cd:ef:00:00:02 eth-ipv4-ipv6.host123.libpcap.test
ab:cd:ef:00:00:02 eth-noipv4-ipv6.host123.libpcap.test
ab:cd:ef:00:00:05 eth-ipv4x4-noipv6.host357.libpcap.test
ab:cd:ef:00:00:05 eth-ipv4x4-ipv6x2.host357.libpcap.test
`,
		"services": "smtp 25/tcp\ndomain 53/tcp\ndomain 53/udp\nbootps 67/udp\nbootpc 68/udp\n",
		"protocols": `icmp 1
tcp 6
udp 17
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &Files{Dir: dir}
}
