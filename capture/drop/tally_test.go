package drop

import (
	"net/netip"
	"testing"
)

// A comment is read back as what was counted.
func TestParseKind(t *testing.T) {
	d := Drop{Reason: Reason{Name: "SOCKET_RCVBUFF"}, Place: Place{Function: "udp_queue"}}
	for _, tt := range []struct {
		role  Role
		local string
		added string
		want  string
	}{
		{want: ""}, {added: "; curl[5] of root", want: "curl[5] of root"},
		{role: Receiver, local: "[2001:db8::1]:53", want: "UDP socket [2001:db8::1]:53"},
		{role: Sender, local: "192.0.2.1:53", want: "UDP socket 192.0.2.1:53"},
		{role: Related, local: "192.0.2.1:53", added: "; a; b[1]", want: "a; b[1]"},
	} {
		if d.Socket = (Socket{}); tt.role != NoSocket {
			d.Socket = Socket{Role: tt.role, Family: afInet, Type: 2, Protocol: protoUDP, Local: netip.MustParseAddrPort(tt.local)}
		}
		k, ok := ParseKind(d.String() + tt.added)
		if want := (Kind{"SOCKET_RCVBUFF", "udp_queue", tt.want}); !ok || k != want {
			t.Errorf("%s: %+v, want %+v", d.String()+tt.added, k, want)
		}
	}
	for name := range words {
		if k, ok := ParseKind((&Drop{Reason: Reason{Name: name}}).String()); !ok || k.Owner != "" || k.Place != "0x0" {
			t.Errorf("%s: %+v", name, k)
		}
	}
	for _, text := range []string{"", "dropped: ", "dropped: x", "dropped: a b in c: d", "lost: x in y: z"} {
		if k, ok := ParseKind(text); ok {
			t.Errorf("%q: %+v", text, k)
		}
	}
}
