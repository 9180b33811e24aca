package decode_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
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

// TestPrintSamples prints all samples, to be looked at.
func TestPrintSamples(t *testing.T) {
	if os.Getenv("PRINT") == "" {
		t.Skip()
	}
	r := decode.Printer{Time: decode.TimeNone, Applications: app.Renderer{}}
	d := decode.Decoder{SkipChecksums: true}
	var p decode.Packet
	for i := range protocolSamples {
		_ = d.Decode(protocolSamples[i].frame(i), &p)
		fmt.Printf("%s\n%s%s\n\n", r.AppendLine(nil, &p), r.AppendTree(nil, &p), r.AppendJSONLayer(nil, &p, len(p.Layers())-1))
	}
}
