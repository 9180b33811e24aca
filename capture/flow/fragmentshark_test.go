package flow

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
)

// shared returns the files of other projects that stand beside the checkout.
func shared(t testing.TB, patterns ...string) []string {
	if more := os.Getenv("FLOW_CAPTURES"); more != "" { // a folder of other captures instead
		found, _ := filepath.Glob(filepath.Join(more, "*.pcap*"))
		return found
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			for _, p := range patterns {
				found, _ := filepath.Glob(filepath.Join(dir, "..", "shared", "corpus", p))
				files = append(files, found...)
			}
			return files
		}
	}
	return nil
}

// assembled is a datagram that was put together.
type assembled struct {
	packets string // their numbers, in order of their bytes
	data    string
}

// tsharkAssembles returns what tshark puts together of a file, by the packet that it is shown with.
func tsharkAssembles(t *testing.T, file string) map[uint64][]assembled {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal("tshark is required: ", err)
		}
		t.Skip("tshark is not installed")
	}
	// The number of the packet, and of each datagram the numbers of its fragments and its bytes, in PDML, where they
	// stand together also when there are several.
	cmd := exec.Command("tshark", "-n", "-r", file, "-o", "ip.defragment:TRUE", "-o", "ipv6.defragment:TRUE", "-T", "pdml", "-Y", "ip.fragments or ipv6.fragments")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		t.Logf("tshark cannot read %s", filepath.Base(file))
		return nil
	}
	all := map[uint64][]assembled{}
	var number uint64
	attribute := func(line, name string) string {
		_, v, _ := strings.Cut(line, " "+name+`="`)
		v, _, _ = strings.Cut(v, `"`)
		return v
	}
	for line := range strings.Lines(string(out)) {
		switch attribute(line, "name") {
		case "frame.number":
			fmt.Sscan(attribute(line, "show"), &number)
		case "ip.fragments", "ipv6.fragments":
			all[number] = append(all[number], assembled{})
		case "ip.fragment", "ipv6.fragment":
			a := all[number]
			if len(a) > 0 {
				a[len(a)-1].packets += attribute(line, "show") + " "
			}
		case "ip.reassembled.data", "ipv6.reassembled.data":
			a := all[number]
			if len(a) > 0 {
				a[len(a)-1].data = strings.ReplaceAll(attribute(line, "show"), ":", "")
			}
		}
	}
	return all
}

// weAssemble is the same of Defragmenter.
func weAssemble(t *testing.T, file string) map[uint64][]assembled {
	t.Helper()
	r, err := capture.OpenFile(file)
	if err != nil {
		return nil
	}
	defer r.Close()
	var (
		d   Defragmenter
		dec decode.Decoder
		h   decode.History
		p   decode.Packet
		all = map[uint64][]assembled{}
	)
	for f, err := range r.Frames(context.Background()) {
		if err != nil {
			break
		}
		dec.Decode(f, &p)
		h.Add(&p)
		for g := d.Add(&p); g != nil && g.Fate == FragmentWhole; g = d.Add(&p) {
			var packets strings.Builder
			for _, n := range g.Packets {
				fmt.Fprintf(&packets, "%d ", n)
			}
			data := g.Frame.Data[max(0, len(g.Frame.Data)-g.Length):]
			if g.Cut == 0 {
				all[p.Number] = append(all[p.Number], assembled{packets.String(), hex.EncodeToString(data)})
			}
			dec.Decode(g.Frame, &p)
		}
	}
	return all
}

// TestDefragmentAsTshark compares with tshark on the captures of other projects, and on one that is made here:
// shuffled, in tunnels, with options.
func TestDefragmentAsTshark(t *testing.T) {
	files := shared(t, "tcpdump/*.pcap*", "libpcap/*.pcap*")
	if len(files) == 0 {
		t.Log("no captures at ../shared/corpus beside the checkout; only the one that is made here is compared")
	}
	compared := 0
	for _, file := range append(files, fragmentFile(t)) {
		if fragments(file) < 2 {
			continue // nothing to put together; tshark need not be asked
		}
		ours := weAssemble(t, file)
		theirs := tsharkAssembles(t, file)
		for n := range theirs {
			if ours[n] == nil {
				ours[n] = nil
			}
		}
		for n, a := range ours {
			if slices.Equal(a, theirs[n]) {
				compared += len(a)
				continue
			}
			t.Errorf("%s, packet %d:\nours   %.300v\ntheirs %.300v", filepath.Base(file), n, a, theirs[n])
		}
	}
	t.Logf("%d datagrams are the same", compared)
	if compared < 300 { // those of the file made here
		t.Errorf("only %d datagrams were compared", compared)
	}
}

// fragments counts the fragments of a file.
func fragments(file string) int {
	r, err := capture.OpenFile(file)
	if err != nil {
		return 0
	}
	defer r.Close()
	var d decode.Decoder
	var p decode.Packet
	n := 0
	for f, err := range r.Frames(context.Background()) {
		if err != nil {
			break
		}
		if d.Decode(f, &p); fragmentLayer(&p) >= 0 {
			n++
		}
	}
	return n
}

// fragmentFile writes a capture of 300 datagrams in fragments.
func fragmentFile(t *testing.T) string {
	file := filepath.Join(t.TempDir(), "made-here.pcap")
	var b bytes.Buffer
	w, err := capture.NewWriter(&b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Describe([]capture.Interface{{Link: capture.LinkEthernet}}); err != nil {
		t.Fatal(err)
	}
	now := fragmentStart
	ways := []string{
		"eth{type=0x0800}", "eth/vlan{id=5,type=0x0800}", "eth/ip{src=198.51.100.1,dst=198.51.100.2}/gre{proto=0x0800}",
		"eth/ip{src=198.51.100.1,dst=198.51.100.2}/udp{sport=5000,dport=4789}/vxlan{vni=7}/eth{type=0x0800}", "eth/ip6{src=2001:db8:1::1,dst=2001:db8:1::2,nh=4}",
	}
	for n := range 300 {
		rng := rand.New(rand.NewPCG(uint64(n), 2))
		kind, at := fmt.Sprintf("ip{src=192.0.2.%d,dst=192.0.2.2,id=%d}", 3+n%5, n), 20
		way := ways[n%len(ways)]
		if n%2 == 0 {
			kind, at, way = fmt.Sprintf("ip6{src=2001:db8::%d,dst=2001:db8::2}", 3+n%5), 40, "eth{type=0x86dd}"
		}
		whole := spec(t, fmt.Sprintf("%s/udp{sport=1000,dport=2000}/hex{%x}", kind, text(500+rng.IntN(2500))))
		var parts [][]byte
		for from := 0; from < len(whole)-at; from += 496 {
			parts = append(parts, fragment(whole, from, from+496, uint32(n)))
		}
		if n%3 > 0 {
			rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		}
		for _, p := range parts {
			frame := spec(t, fmt.Sprintf("%s/hex{%x}", way, p))
			now = now.Add(time.Millisecond)
			if err := w.Write(&capture.Frame{Data: frame, Length: len(frame), Link: capture.LinkEthernet, Time: now}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}
