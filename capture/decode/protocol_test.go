package decode_test

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
)

// A protocolSample is a message made by us, between the port of its protocol and one that says nothing.
type protocolSample struct {
	kind   decode.Type
	how    transport
	data   []byte
	line   string
	differ string // keys that tshark shows otherwise, each with the reason in a comment beside the sample
}

type transport int

const (
	tcpClient transport = iota // a segment to the port of the protocol
	tcpServer
	udpClient
	udpServer
)

// differs reports whether tshark is known to show a key otherwise; one that ends in a star stands for all that start so.
func (s *protocolSample) differs(key string) bool {
	for _, d := range strings.Fields(s.differ) {
		if start, ok := strings.CutSuffix(d, "*"); d == key || ok && strings.HasPrefix(key, start) {
			return true
		}
	}
	return false
}

func text(s string) []byte { return []byte(s) }

var _ = judgeAlso("sdp tpkt mbtcp ntlmssp spnego cip bvlc bacapp iec60870_asdu", strings.Fields(protocolKeys), protocolStrange...)

func init() {
	for _, s := range protocolSamples {
		moreSamples(appSample{s.kind, s.how < udpClient, s.data, s.line})
	}
}

// frame returns the sample in an IPv4 packet; number makes the other port its own.
func (s *protocolSample) frame(number int) capture.Frame {
	f := carry(s.kind, s.how < udpClient, s.data)
	f.Data = slices.Clone(f.Data)
	port := decode.PortOf(s.kind, s.how < udpClient)
	src, dst := uint16(40000+number), port
	if s.how == tcpServer || s.how == udpServer {
		src, dst = dst, src
	}
	binary.BigEndian.PutUint16(f.Data[20:], src)
	binary.BigEndian.PutUint16(f.Data[22:], dst)
	f.Time = time.Unix(1700000000+int64(number), 0)
	return f
}

// TestProtocolPorts tells each sample by its port or its first bytes.
func TestProtocolPorts(t *testing.T) {
	d := decode.Decoder{SkipChecksums: true}
	var p decode.Packet
	for i := range protocolSamples {
		s := &protocolSamples[i]
		_ = d.Decode(s.frame(i), &p)
		if p.Find(s.kind) < 0 {
			t.Errorf("sample %d, %s: told as %v, want %v", i, s.line, p.Layers()[len(p.Layers())-1].Type, s.kind)
		}
	}
}

// TestProtocolsAgainstTshark compares the fields of each sample with those that tshark finds in it.
func TestProtocolsAgainstTshark(t *testing.T) {
	_, kinds := judge(t)
	dir := t.TempDir() // all protocols
	var keys []string
	for _, d := range decode.Definitions() {
		if _, ok := kinds[d.Key]; ok && d.Kind != decode.KindGroup && !slices.Contains(keys, d.Key) {
			keys = append(keys, d.Key)
		}
	}
	var frames []capture.Frame
	for i := range protocolSamples {
		frames = append(frames, protocolSamples[i].frame(i))
	}
	rows := oracle(t, dir, frames, keys)
	d := decode.Decoder{SkipChecksums: true}
	var p decode.Packet
	compared := 0
	for i := range protocolSamples {
		s := &protocolSamples[i]
		d.Decode(frames[i], &p)
		mine := make(map[string][]string)
		var fields []decode.Field
		for l := 2; l < len(p.Layers()); l++ { // behind IP and the transport
			fields = fieldsOf(fields, &p, l)
		}
		for _, f := range fields {
			mine[f.Key] = append(mine[f.Key], fromTshark(f.Key, kinds[f.Key], strings.ReplaceAll(forTshark(&f), `\\`, `\`)))
		}
		for k, key := range keys {
			if strings.HasPrefix(key, "ip.") || strings.HasPrefix(key, "tcp.") || strings.HasPrefix(key, "udp.") || key == "eth.type" {
				continue
			}
			theirs := rows[i][k]
			for v := range theirs {
				theirs[v] = fromTshark(key, kinds[key], theirs[v])
			}
			compared += len(theirs)
			if !slices.Equal(theirs, mine[key]) && !s.differs(key) {
				t.Errorf("%d %s: %s: ours %q, tshark's %q", i, s.line, key, mine[key], theirs)
			}
		}
	}
	t.Logf("%d values compared", compared)
}

// TestProtocolsMutated changes, cuts and lengthens each sample, and shows it in all ways: nothing may panic or take long.
// MUTATIONS says how often for each, for a longer run than that of every day.
func TestProtocolsMutated(t *testing.T) {
	rounds := 100
	if s := os.Getenv("MUTATIONS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		rounds = n
	}
	rng := rand.New(rand.NewPCG(5, 6))
	r := decode.Printer{Time: decode.TimeNone, Applications: app.Renderer{}}
	d := decode.Decoder{SkipChecksums: true}
	var p decode.Packet
	var b []byte
	var slowest time.Duration
	slow, n := "", 0
	var fields []decode.Field
	seen := map[string]bool{}
	for i := range protocolSamples {
		whole := protocolSamples[i].frame(i)
		for range rounds {
			f := whole
			f.Data = append(make([]byte, 0, len(whole.Data)+64), whole.Data...)
			start := len(f.Data) - len(protocolSamples[i].data)
			for range rng.IntN(6) {
				at := start + rng.IntN(len(f.Data)-start)
				f.Data[at] = decode.Mutate(rng, f.Data[at])
			}
			switch rng.IntN(4) {
			case 0:
				f.Data = f.Data[:start+rng.IntN(len(f.Data)-start)]
			case 1:
				f.Data = append(f.Data, f.Data[start:start+rng.IntN(min(64, len(f.Data)-start))]...)
			}
			f.Length = len(f.Data)
			begin := time.Now()
			_ = d.Decode(f, &p)
			b = r.AppendLine(b[:0], &p)
			b = r.AppendTree(b[:0], &p)
			b = r.AppendJSON(b[:0], &p)
			for l := range p.Layers() {
				fields = fieldsOf(fields[:0], &p, l)
				if name := twice(fields); name != "" && !seen[name] {
					seen[name] = true
					t.Errorf("%s: JSON has %s twice in one object: %x", protocolSamples[i].line, name, f.Data[start:])
				}
			}
			if took := time.Since(begin); took > slowest {
				slowest, slow = took, protocolSamples[i].line
			}
			n++
		}
	}
	t.Logf("%d mutated samples decoded and rendered, the slowest took %v for line, tree and JSON: %s", n, slowest, slow)
}

// twice returns the name of a field that JSON would have twice in one object: one that is no list, or a list that others
// part.
func twice(fields []decode.Field) string {
	type object struct {
		names map[string]bool
		last  *decode.Definition
	}
	objects := []object{{names: map[string]bool{}}}
	for i := range fields {
		f := &fields[i]
		objects = objects[:int(f.Depth)+1]
		o := &objects[f.Depth]
		if o.names[f.JSON] && !(f.List && o.last == f.Definition) {
			return f.JSON
		}
		o.names[f.JSON], o.last = true, f.Definition
		if f.Kind == decode.KindGroup {
			objects = append(objects, object{names: map[string]bool{}})
		}
	}
	return ""
}
