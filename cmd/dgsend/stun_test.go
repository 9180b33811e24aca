package main

import (
	"encoding/binary"
	"net/netip"
	"regexp"
	"testing"

	"sockwire/cmd/internal/cli/clitest"
	"sockwire/dgram"
)

const (
	stunRequest = 0x0001 // RFC 8489 section 18.2: Binding, of class request
	stunSuccess = 0x0101
	stunCookie  = 0x2112a442
)

// stunMessage is a message of RFC 8489 section 5 with attributes that are already encoded.
func stunMessage(kind uint16, id string, attributes ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(attributes)))
	b = binary.BigEndian.AppendUint32(b, stunCookie)
	return append(append(b, id...), attributes...)
}

// stunAnswer says that the client was seen at an IPv4 address (XOR-MAPPED-ADDRESS, RFC 8489 section 14.2).
func stunAnswer(id string, seen netip.AddrPort) []byte {
	ip := seen.Addr().As4()
	a := []byte{0, 0x20, 0, 8, 0, 1}
	a = binary.BigEndian.AppendUint16(a, seen.Port()^stunCookie>>16)
	a = binary.BigEndian.AppendUint32(a, binary.BigEndian.Uint32(ip[:])^stunCookie)
	return stunMessage(stunSuccess, id, a...)
}

// stunServer tells every client that it was seen at one address. The answer to the request of the given number has
// the transaction id of nobody. The ids that it was asked with come out of the function returned, which ends it.
func stunServer(t *testing.T, seen netip.AddrPort, wrong int) (address string, stop func() []string) {
	t.Helper()
	c, err := dgram.Listen(t.Context(), "udp4", "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2000)
		for {
			d, err := c.Receive(buf)
			if err != nil {
				return
			}
			if len(d.Payload) != 20 || binary.BigEndian.Uint16(d.Payload) != stunRequest || binary.BigEndian.Uint32(d.Payload[4:]) != stunCookie {
				continue
			}
			id := string(d.Payload[8:])
			ids = append(ids, id)
			if len(ids) == wrong {
				id = "of nobody..."
			}
			_ = c.Reply(&d, stunAnswer(id, seen))
		}
	}()
	stop = func() []string { c.Close(); <-done; return ids }
	t.Cleanup(func() { stop() })
	return c.LocalAddr().String(), stop
}

// A recorded STUN conversation is held again: answers find their requests by transaction id, recorded or fresh, and
// what else differs is shown.
func TestReplaySTUN(t *testing.T) {
	recordedIDs := []string{"transaction1", "transaction2", "transaction3"}
	seen, elsewhere := netip.MustParseAddrPort("192.0.2.1:4000"), netip.MustParseAddrPort("192.0.2.2:4001")
	var requests, answers [][]byte
	for _, id := range recordedIDs {
		requests = append(requests, stunMessage(stunRequest, id))
		answers = append(answers, stunAnswer(id, seen))
	}
	for _, tt := range []struct {
		name  string
		seen  netip.AddrPort
		wrong int
		args  []string
		fresh bool
		code  int
		want  string
	}{
		{"same", seen, 0, nil, false, 0, `^answer 1: same, 32 bytes.*\nanswer 2: same, .*\nanswer 3: same, .*\n$`},
		{"differs", elsewhere, 0, nil, false, 0, `^(answer [1-3]: differs, 32 bytes, after .*, bytes 27\+1 31\+1\n){3}$`},
		{"exact", elsewhere, 0, []string{"--exact"}, false, 1, `^(answer [1-3]: differs, .*\n){3}$`},
		{"fresh ids", seen, 0, []string{"--new-ids", "--exact"}, true, 0, `^(answer [1-3]: same, .*\n){3}$`},
		{"fresh ids differ", elsewhere, 0, []string{"--new-ids"}, true, 0, `^(answer [1-3]: differs, 32 bytes, after .*, bytes 27\+1 31\+1\n){3}$`},
		{"another id", seen, 1, []string{"--wait", "500ms"}, false, 1, `^answer 1: missing \(32 bytes recorded\)\nanswer 2: same, .*\nanswer 3: same, .*\n$`},
		{"another id for a fresh one", seen, 1, []string{"--new-ids", "--wait", "500ms"}, true, 1, `^answer 1: missing .*\nanswer 2: same, .*\nanswer 3: same, .*\n$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server, stop := stunServer(t, tt.seen, tt.wrong)
			args := append([]string{"--pcap", recordAll(t, 3478, requests, answers), "--speed", "10", server}, tt.args...)
			out, stderr, code := clitest.Run(t, run, "", args...)
			if code != tt.code || !regexp.MustCompile(tt.want).MatchString(out) {
				t.Errorf("exit %d, want %d\n%s%s", code, tt.code, out, stderr)
			}
			ids := stop()
			if len(ids) != len(recordedIDs) {
				t.Fatalf("asked with %q", ids)
			}
			for i, id := range ids {
				if (id != recordedIDs[i]) != tt.fresh {
					t.Errorf("request %d was asked with %q, recorded %q", i+1, id, recordedIDs[i])
				}
			}
		})
	}
}
