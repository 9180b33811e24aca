package decode_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sockwire/capture"
	"sockwire/capture/decode"
)

// below are the protocols of tshark that are no name for what a packet is about: links, IP, transports, tunnels that lead
// to another packet, and bytes.
var below = strings.Fields(`frame pkt_comment eth ethertype eth_withoutfcs eth_maybefcs vlan ieee8021ad arp rarp sll ip ipv6 ipv6.hopopts
ipv6.dstopts ipv6.routing ipv6.routing.type0 ipv6.routing.mipv6 ipv6.routing.srh ipv6.fraghdr mipv6 ah esp icmp icmpv6 igmp tcp mptcp udp udplite
sctp dccp gre vxlan geneve mpls ppp ppp_hdlc chdlc pppoe pppoed pppoes llc null loop raw rawip wlan radiotap wlan_radio udpencap data
data-text-lines fake-field image-gif file-pcap file-pcapng _ws.expert _ws.malformed _ws.short _ws.lua malformed wlan_aggregate pwethheuristic
pwethcw pwethnocw mpls_psc_lsp unassigned vssmonitoring eth.trailer wtap_file syscall file osi cmd f5ethtrailer mstp_trailer nettrace`)

// tsharkNames are our names for what tshark has another for.
var tsharkNames = map[string]string{"llmnr": "dns", "dcerpc": "dcerpc", "http2": "http2", "ssdp": "ssdp", "bootp": "dhcp",
	"mbtcp": "modbus", "bvlc": "bacnet", "cldap": "ldap"}

// nameOf returns the first protocol that a packet is about, of tshark's chain of protocols: "" for none.
func nameOf(chain string) string {
	for name := range strings.SplitSeq(chain, ":") {
		if name == "rpc" && !strings.HasSuffix(chain, ":rpc") {
			continue // its program follows
		}
		if !slices.Contains(below, name) {
			return cmp.Or(tsharkNames[name], name)
		}
	}
	return ""
}

// namedLeast is the share of packets that have to have the name that tshark gives them.
const namedLeast = 0.75

// TestNamedAsTshark counts in how many packets of the corpus in which tshark names a protocol above the transport, or one
// in its place, we name the same. NAMED_MISSES names a file for all that are missed.
func TestNamedAsTshark(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal("tshark is required: ", err)
		}
		t.Skip("tshark is not installed")
	}
	files := decode.CorpusFiles(t)
	if len(files) == 0 {
		t.Skip("no captures at ../shared/corpus beside the checkout")
	}
	byLink, from := map[capture.LinkType][]capture.Frame{}, map[capture.LinkType][]string{}
	for _, f := range files {
		for _, frame := range decode.ReadFrames(t, f) {
			if len(frame.Data) > 0 {
				byLink[frame.Link], from[frame.Link] = append(byLink[frame.Link], frame), append(from[frame.Link], filepath.Base(f))
			}
		}
	}
	type miss struct {
		packets int
		files   map[string]bool
		ours    map[string]int
	}
	misses := map[string]*miss{}
	named, same := 0, 0
	perFile := map[string][2]int{}
	dir := t.TempDir()
	for _, link := range slices.Sorted(maps.Keys(byLink)) {
		frames := byLink[link]
		rows, err := askTshark(t, dir, frames, []string{"frame.protocols"})
		if err != nil {
			t.Logf("%v is left out: %v", link, err)
			continue
		}
		var d decode.Decoder
		var p decode.Packet
		for i, f := range frames {
			if len(rows[i][0]) == 0 {
				continue
			}
			want := nameOf(rows[i][0][0])
			if want == "" {
				continue
			}
			named++
			_ = d.Decode(f, &p)
			n := perFile[from[link][i]]
			n[1]++
			if slices.ContainsFunc(p.Layers(), func(l decode.Layer) bool {
				name, _, _ := strings.Cut(l.Type.String(), "_linux") // a variant of what tshark has one name for
				return name == want
			}) {
				same++
				n[0]++
			} else {
				m := misses[want]
				if m == nil {
					m = &miss{files: map[string]bool{}, ours: map[string]int{}}
					misses[want] = m
				}
				m.packets++
				m.files[from[link][i]] = true
				ours := "nothing"
				if layers := p.Layers(); len(layers) > 0 {
					ours = layers[len(layers)-1].Type.String()
				}
				m.ours[ours]++
			}
			perFile[from[link][i]] = n
		}
	}
	if named == 0 {
		t.Fatal("tshark names nothing")
	}
	share, mean := float64(same)/float64(named), 0.0
	for _, n := range perFile {
		mean += float64(n[0]) / float64(n[1]) / float64(len(perFile))
	}
	t.Logf("%d packets that tshark names above the transport, %d the same here: %.1f %%, %.1f %% as the mean of %d files", named, same, 100*share, 100*mean, len(perFile))
	var list strings.Builder
	for i, name := range slices.SortedFunc(maps.Keys(misses), func(a, b string) int {
		return cmp.Or(cmp.Compare(misses[b].packets, misses[a].packets), cmp.Compare(a, b))
	}) {
		m := misses[name]
		some := slices.Sorted(maps.Keys(m.files))
		line := fmt.Sprintf("%6d packets in %3d files: %-16s here %v, %s", m.packets, len(m.files), name, m.ours, strings.Join(some[:min(3, len(some))], " "))
		fmt.Fprintln(&list, line)
		if i < 30 {
			t.Log(line)
		}
	}
	if file := os.Getenv("NAMED_MISSES"); file != "" {
		if err := os.WriteFile(file, []byte(list.String()), 0o666); err != nil {
			t.Error(err)
		}
	}
	if share < namedLeast {
		t.Errorf("%.3f of the packets have tshark's name, at least %.3f should", share, namedLeast)
	}
}
