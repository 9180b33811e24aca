package share

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
	"sockwire/capture/table"
	"sockwire/capture/table/tabletest"
)

var key = []byte("a key of the tests, which is long enough")

func sharer(t testing.TB) *Sharer {
	t.Helper()
	s, err := New(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func commonBits(a, b netip.Addr) int {
	x, y := a.AsSlice(), b.AsSlice()
	for i := range 8 * len(x) {
		if (x[i/8]^y[i/8])>>(7-i%8)&1 != 0 {
			return i
		}
	}
	return 8 * len(x)
}

// Two addresses have a prefix of the same length before and after, another key maps otherwise, and no two become one.
func TestAddressesKeepPrefixes(t *testing.T) {
	s := sharer(t)
	other, err := New([]byte("another key, which is long enough too"))
	if err != nil {
		t.Fatal(err)
	}
	var all []netip.Addr
	a := netip.MustParseAddr("192.0.2.0")
	b := netip.MustParseAddr("2001:db8::")
	for range 300 {
		all = append(all, a, b)
		a, b = a.Next(), b.Next()
	}
	for _, text := range []string{"10.1.2.3", "10.1.3.3", "198.51.100.7", "1.2.3.4", "223.255.255.254", "2001:db8:ffff::1", "2a00::1", "fd00::1"} {
		all = append(all, netip.MustParseAddr(text))
	}
	same := 0
	seen := map[netip.Addr]bool{}
	for i, a := range all {
		to := s.Address(a)
		if seen[to] {
			t.Errorf("two become %v", to)
		}
		seen[to] = true
		if to == other.Address(a) {
			same++
		}
		if to.IsMulticast() {
			t.Errorf("%v becomes %v, of a group", a, to)
		}
		for _, b := range all[:i] {
			if a.Is4() == b.Is4() && commonBits(a, b) != commonBits(to, s.Address(b)) {
				t.Fatalf("%v and %v have %d bits in common, %v and %v %d", a, b, commonBits(a, b), to, s.Address(b), commonBits(to, s.Address(b)))
			}
		}
	}
	if same > len(all)/50 {
		t.Errorf("%d of %d addresses are the same by another key", same, len(all))
	}
	if again := sharer(t).Address(all[5]); again != s.Address(all[5]) {
		t.Error("the same key maps otherwise the next time")
	}
}

func TestPublicAddressesStay(t *testing.T) {
	s := sharer(t)
	for _, text := range []string{"0.0.0.0", "255.255.255.255", "127.0.0.1", "224.0.0.251", "::", "::1", "ff02::1", "ff02::fb"} {
		if a := netip.MustParseAddr(text); s.Address(a) != a {
			t.Errorf("%v becomes %v", a, s.Address(a))
		}
	}
	for _, text := range []string{"ff02::1:ff12:3456", "fe80::200:5eff:fe00:5301"} {
		a := netip.MustParseAddr(text)
		if to := s.Address(a); to == a || to.IsMulticast() != a.IsMulticast() || to.IsLinkLocalUnicast() != a.IsLinkLocalUnicast() {
			t.Errorf("%v becomes %v", a, to)
		}
	}
}

func TestShortKeyIsRefused(t *testing.T) {
	if _, err := New([]byte("short")); err == nil {
		t.Error("it is taken")
	}
}

// secrets are what of a packet may not be found in what is shared: addresses and names in any field, and payload.
func secrets(p *decode.Packet) (all [][]byte, payload [][2]int) {
	var fields []decode.Field
	for i, l := range p.Layers() {
		fields = fieldsOf(fields[:0], p, i)
		for _, f := range fields {
			switch f.Kind {
			case decode.KindIP:
				if a, ok := netip.AddrFromSlice(f.Bytes); ok && !public(a) && plenty(f.Bytes) {
					all = append(all, f.Bytes)
				}
			case decode.KindMAC:
				if len(f.Bytes) == 6 && f.Bytes[0]&1 == 0 && plenty(f.Bytes) {
					all = append(all, f.Bytes)
				}
			case decode.KindText:
				for _, label := range bytes.FieldsFunc(f.Bytes, func(r rune) bool { return r == '.' || r == ' ' || r == '\\' }) {
					if len(label) >= 4 { // three bytes come by chance
						all = append(all, label)
					}
				}
			}
		}
		switch l.Type {
		case decode.TypePayload, decode.TypeFragment, decode.TypeHTTP, decode.TypeTLS, decode.TypeDHCPv4, decode.TypeDHCPv6, decode.TypeSNMP,
			decode.TypeSyslog, decode.TypeTFTP, decode.TypeQUIC, decode.TypeSTUN, decode.TypeRTP, decode.TypeNTP:
			if l.Flags&decode.Quoted == 0 {
				payload = append(payload, [2]int{l.Offset, min(l.Offset+l.Length, len(p.Frame.Data))})
			}
		}
	}
	return all, payload
}

// fieldsOf are the fields of a layer, also of a message.
func fieldsOf(dst []decode.Field, p *decode.Packet, i int) []decode.Field {
	if p.Layers()[i].Type >= decode.TypeDNS {
		return app.Renderer{}.AppendFields(dst, p, i)
	}
	return p.AppendFields(dst, i)
}

// plenty tells whether an address has enough in it not to come by chance.
func plenty(b []byte) bool {
	different := map[byte]bool{}
	for _, c := range b {
		if c != 0 {
			different[c] = true
		}
	}
	return len(different) >= 3
}

// Of all packets of the corpus, nothing secret is in what is shared, and checksums are as right or wrong as they were.
func TestNothingSecretIsShared(t *testing.T) {
	s := sharer(t)
	d := decode.Decoder{}
	var before, after decode.Packet
	packets, found, wrong := 0, 0, 0
	for _, file := range tabletest.Corpus(t) {
		for n, f := range tabletest.Frames(t, file) {
			packets++
			_ = d.Decode(f, &before)
			to := s.Frame(&f)
			if len(to.Data) != len(f.Data) || to.Length != f.Length || !to.Time.Equal(f.Time) || to.Comments != nil {
				t.Fatalf("%s packet %d: the frame is another", filepath.Base(file), n+1)
			}
			all, payload := secrets(&before)
			for _, b := range all {
				if i := bytes.Index(to.Data, b); i >= 0 || len(b) > 6 && bytes.Contains(bytes.ToLower(to.Data), bytes.ToLower(b)) {
					found++
					t.Errorf("%s packet %d: %x (%q) is still there, at byte %d: %v", filepath.Base(file), n+1, b, b, i, types(&before))
				}
			}
			for _, r := range payload {
				if r[0] < r[1] && bytes.IndexFunc(to.Data[r[0]:r[1]], func(c rune) bool { return c != 0 }) >= 0 {
					found++
					t.Errorf("%s packet %d: payload from byte %d on is not 0: %v", filepath.Base(file), n+1, r[0], types(&before))
				}
			}
			_ = d.Decode(to, &after)
			if !sameSums(&before, &after) {
				wrong++
				t.Errorf("%s packet %d: checksums of %v are %v, were %v", filepath.Base(file), n+1, types(&before), sums(&after), sums(&before))
			}
			if found+wrong > 20 {
				t.FailNow()
			}
		}
	}
	t.Logf("%d packets", packets)
}

// hiddenTexts adds what of a packet may stand in no column of any table: addresses in both forms, and labels of names.
func hiddenTexts(texts map[string]bool, p *decode.Packet, fields []decode.Field) []decode.Field {
	for i := range p.Layers() {
		fields = fieldsOf(fields[:0], p, i)
		for _, f := range fields {
			switch a, ok := netip.AddrFromSlice(f.Bytes); {
			case f.Kind == decode.KindIP && ok && !public(a) && plenty(f.Bytes):
				texts[a.String()], texts[tabletest.Bytes16(a.String())] = true, true
			case f.Kind == decode.KindMAC && len(f.Bytes) == 6 && f.Bytes[0]&1 == 0 && plenty(f.Bytes):
				texts[string(decode.AppendMAC(nil, f.Bytes))] = true
			case f.Kind == decode.KindText && p.Layers()[i].Type >= decode.TypeDNS:
				for _, label := range strings.FieldsFunc(string(f.Bytes), splits) {
					if len(label) >= 4 {
						texts[strings.ToLower(label)] = true
					}
				}
			}
		}
	}
	for _, c := range p.Frame.Comments {
		texts[strings.ToLower(c)] = true
	}
	return fields
}

// splits tells what stands between the parts of a value.
func splits(c rune) bool { return strings.ContainsRune(".|= \\/@", c) }

// Nor is it in any of the tables that are made of it.
func TestNothingSecretIsInTables(t *testing.T) {
	t.Parallel()
	s := sharer(t)
	var p decode.Packet
	var d decode.Decoder
	var fields []decode.Field
	values, secret := 0, 0
	for n, file := range tabletest.Corpus(t) {
		if n%2 != 0 && os.Getenv("TABLE_FULL") == "" {
			continue
		}
		texts := map[string]bool{}
		dir := t.TempDir()
		w, err := table.CreateTables(dir, &table.Config{Run: "here", Data: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range tabletest.Frames(t, file) {
			_ = d.Decode(f, &p)
			fields = hiddenTexts(texts, &p, fields)
			shared := s.Frame(&f)
			if err := w.Write(&shared); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		secret += len(texts)
		for _, schema := range table.Schemas() {
			number := map[string]bool{} // a name may be of digits
			for _, c := range schema.Columns {
				number[c.Name] = c.Kind > table.Bytes
			}
			found, err := filepath.Glob(filepath.Join(dir, schema.Name, "*", "*", "*.parquet"))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range found {
				for i, row := range tabletest.Read(t, name, schema) {
					for column, v := range row {
						values++
						if ours[column] || number[column] {
							continue
						}
						for _, part := range append(strings.FieldsFunc(v, splits), strings.FieldsFunc(v, func(c rune) bool { return c == '|' || c == '=' })...) {
							if texts[strings.ToLower(part)] {
								t.Errorf("%s: %s row %d: %s is %s", filepath.Base(file), schema.Name, i+1, column, v)
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d values, %d things to hide", values, secret)
}

// ours are columns with words of our own, which a name may be too.
var ours = map[string]bool{"run": true, "layers": true, "protocol": true, "link": true, "error_layer": true, "error_reason": true,
	"error_fault": true, "end": true}

// Names of a few letters cannot be searched for, for they come by chance. Each becomes another one, but for the few that
// chance leaves.
func TestShortLabelsBecomeOthers(t *testing.T) {
	s := sharer(t)
	same, all := 0, 0
	for a := 'a'; a <= 'z'; a++ {
		for b := 'a'; b <= 'z'; b++ {
			for _, label := range []string{string(a), string([]rune{a, b}), string([]rune{a, b, a})} {
				all++
				if to := string(s.label([]byte(label))); to == label {
					same++
				} else if len(to) != len(label) {
					t.Fatalf("%q becomes %q", label, to)
				}
			}
		}
	}
	if same > all/20 {
		t.Errorf("%d of %d labels stay what they are", same, all)
	}
}

func types(p *decode.Packet) (list []string) {
	for _, l := range p.Layers() {
		list = append(list, l.Type.String())
	}
	return list
}

func sums(p *decode.Packet) (list []string) {
	for _, l := range p.Layers() {
		list = append(list, l.Checksum.String())
	}
	return list
}

// sameSums tells whether what was good is good, and what was bad is bad, of the layers that both have.
func sameSums(before, after *decode.Packet) bool {
	a, b := before.Layers(), after.Layers()
	for i := range min(len(a), len(b)) {
		if a[i].Type != b[i].Type || a[i].Flags&decode.Quoted != 0 {
			return true // what is behind a layer that is 0 is read otherwise
		}
		switch a[i].Type {
		case decode.TypeIPv4, decode.TypeTCP, decode.TypeUDP, decode.TypeICMPv4, decode.TypeICMPv6, decode.TypeGRE:
			if (a[i].Checksum == decode.ChecksumGood || a[i].Checksum == decode.ChecksumBad) && a[i].Checksum != b[i].Checksum {
				return false
			}
		}
	}
	return true
}

// Names are hashed, the same label the same way, in a message and where an ICMP error quotes it.
func TestNamesAreHashed(t *testing.T) {
	query := []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07private\x07example\x03com\x00\x00\x01\x00\x01")
	udp := append([]byte{0x9c, 0x40, 0, 53, 0, byte(8 + len(query)), 0, 0}, query...)
	ip := append([]byte{0x45, 0, 0, byte(20 + len(udp)), 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 53}, udp...)
	direct := capture.Frame{Data: ip, Length: len(ip), Link: capture.LinkRaw, Time: time.Unix(1, 0)}
	icmp := append([]byte{0x45, 0, 0, byte(28 + len(ip)), 0, 1, 0, 0, 64, 1, 0, 0, 198, 51, 100, 1, 192, 0, 2, 1, 3, 3, 0, 0, 0, 0, 0, 0}, ip...)
	quoted := capture.Frame{Data: icmp, Length: len(icmp), Link: capture.LinkRaw, Time: time.Unix(1, 0)}
	s := sharer(t)
	one := s.Frame(&direct)
	name := bytes.Clone(one.Data[40 : 40+21])
	if bytes.Contains(name, []byte("private")) || name[0] != 7 || name[8] != 7 || name[16] != 3 {
		t.Errorf("the name became %q", name)
	}
	two := s.Frame(&quoted)
	if !bytes.Contains(two.Data, name) {
		t.Errorf("the quotation has another name: %q, want %q in it", two.Data[28:], name)
	}
	if bytes.Contains(two.Data, []byte("private")) || bytes.Contains(two.Data, []byte{192, 0, 2, 53}) {
		t.Error("the quotation has the name or the address still")
	}
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte("\x45\x00\x00\x21\x00\x01\x00\x00\x40\x11\xf6\xc6\xc0\x00\x02\x01\xc0\x00\x02\x02\x9c\x40\x00\x35\x00\x0d\x00\x00hello"), uint16(capture.LinkRaw))
	f.Add([]byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01"), uint16(capture.LinkEthernet))
	s := sharer(f)
	f.Fuzz(func(t *testing.T, data []byte, link uint16) {
		fr := capture.Frame{Data: data, Length: len(data), Link: capture.LinkType(link)}
		to := s.Frame(&fr)
		if len(to.Data) != len(data) {
			t.Fatal("another length")
		}
	})
}
