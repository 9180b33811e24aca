package table

import (
	"net/netip"

	"sockwire/capture"
	"sockwire/capture/drop"
	"sockwire/capture/owner"
)

const (
	dRun = iota
	dNumber
	dTime
	dInterface
	dDrops
	dReason
	dReasonNumber
	dWhy
	dPlace
	dOffset
	dNetns
	dDevice
	dRole
	dKind
	dCookie
	dInode
	dUID
	dLocal
	dRemote
	dReceive
	dReceiveLimit
	dSend
	dSendLimit
	dLocalIP // columns that came later
	dLocalIPBytes
	dLocalPort
	dRemoteIP
	dRemoteIPBytes
	dRemotePort
	dOwnerPID
	dOwnerComm
	dOwnerUID
	dOwnerUser
	dOwnerKnown
)

// Drops is the schema of drops.
var Drops = newSchema("drops", "A row for each packet before which the capture lost others (drops is how many), and with pktview --drops a row for each packet that this host's kernel dropped (drops is null).", []Column{
	dRun:           {Name: "run", Kind: Text, Full: true, Text: "which pktview wrote it"},
	dNumber:        {Name: "number", Kind: U64, Full: true, Rare: true, JSON: "number", Text: "the packet"},
	dTime:          {Name: "time", Kind: Time, Rare: true, JSON: "time", Text: "when it was captured"},
	dInterface:     {Name: "interface", Kind: I32, Full: true, JSON: "interface", Text: "index among those of the capture"},
	dDrops:         {Name: "drops", Kind: U64, JSON: "drops", Text: "packets that the capture lost before it"},
	dReason:        {Name: "reason", Kind: Text, JSON: "drop.reason", Text: "the kernel's name of the reason"},
	dReasonNumber:  {Name: "reason_number", Kind: U32, JSON: "drop.number", Text: "its number"},
	dWhy:           {Name: "why", Kind: Text, JSON: "drop.why", Text: "in words"},
	dPlace:         {Name: "place", Kind: Text, JSON: "drop.place", Text: "the kernel's function"},
	dOffset:        {Name: "offset", Kind: U64, JSON: "drop.offset", Text: "in it"},
	dNetns:         {Name: "netns", Kind: U32, JSON: "drop.netns", Text: "network namespace, by inode"},
	dDevice:        {Name: "device", Kind: Text, JSON: "drop.device", Text: "interface"},
	dRole:          {Name: "socket_role", Kind: Text, JSON: "drop.socket.role", Text: "sender, receiver or related"},
	dKind:          {Name: "socket_kind", Kind: Text, JSON: "drop.socket.kind", Text: "TCP, UDP, raw and others"},
	dCookie:        {Name: "socket_cookie", Kind: U64, JSON: "drop.socket.cookie", Text: "SO_COOKIE"},
	dInode:         {Name: "socket_inode", Kind: U64, JSON: "drop.socket.inode", Text: "inode"},
	dUID:           {Name: "socket_uid", Kind: U32, JSON: "drop.socket.uid", Text: "user who made it"},
	dLocal:         {Name: "socket_local", Kind: Text, JSON: "drop.socket.local", Text: "address and port"},
	dRemote:        {Name: "socket_remote", Kind: Text, JSON: "drop.socket.remote", Text: "address and port"},
	dReceive:       {Name: "socket_receive_bytes", Kind: U32, JSON: "drop.socket.receive_bytes", Text: "queued"},
	dReceiveLimit:  {Name: "socket_receive_limit", Kind: U32, JSON: "drop.socket.receive_limit", Text: "of so many"},
	dSend:          {Name: "socket_send_bytes", Kind: U32, JSON: "drop.socket.send_bytes", Text: "queued"},
	dSendLimit:     {Name: "socket_send_limit", Kind: U32, JSON: "drop.socket.send_limit", Text: "of so many"},
	dLocalIP:       {Name: "socket_local_ip", Kind: Text, JSON: "drop.socket.local", Text: "the local address alone"},
	dLocalIPBytes:  {Name: "socket_local_ip_bytes", Kind: Address, Text: "for ranges"},
	dLocalPort:     {Name: "socket_local_port", Kind: U16, JSON: "drop.socket.local", Text: "its port"},
	dRemoteIP:      {Name: "socket_remote_ip", Kind: Text, JSON: "drop.socket.remote", Text: "the remote address alone"},
	dRemoteIPBytes: {Name: "socket_remote_ip_bytes", Kind: Address, Text: "for ranges"},
	dRemotePort:    {Name: "socket_remote_port", Kind: U16, JSON: "drop.socket.remote", Text: "its port"},
	dOwnerPID:      {Name: "owner_pid", Kind: U32, JSON: "drop.owner.pid", Text: "process whose socket it is, where that is known"},
	dOwnerComm:     {Name: "owner_comm", Kind: Text, JSON: "drop.owner.comm", Text: "its name"},
	dOwnerUID:      {Name: "owner_uid", Kind: U32, JSON: "drop.owner.uid", Text: "its effective user"},
	dOwnerUser:     {Name: "owner_user", Kind: Text, JSON: "drop.owner.user", Text: "the user's name"},
	dOwnerKnown:    {Name: "owner_known", Kind: Text, JSON: "drop.owner.known", Text: "exact or inferred"},
})

func fillDrop(r *rows, run string, f *capture.Frame, number uint64, d *drop.Drop, owners []owner.Owner, texts *texts) {
	r.text(dRun, run)
	r.number(dNumber, number)
	r.when(dTime, -1, f.Time)
	r.number(dInterface, uint64(f.Interface))
	if d == nil {
		r.number(dDrops, f.Drops)
		return
	}
	r.outside(dReason, d.Reason.Name)
	r.number(dReasonNumber, uint64(d.Reason.Number))
	r.text(dWhy, d.Why())
	r.outside(dPlace, d.Place.String())
	r.number(dOffset, d.Place.Offset)
	r.number(dNetns, uint64(d.Network))
	r.outside(dDevice, d.Device)
	for i := range min(1, len(owners)) {
		o := &owners[i]
		r.number(dOwnerPID, uint64(o.PID))
		r.outside(dOwnerComm, o.Name)
		r.number(dOwnerUID, uint64(o.UID))
		if o.User != "" {
			r.outside(dOwnerUser, o.User)
		}
		r.text(dOwnerKnown, o.How.String())
	}
	s := &d.Socket
	if s.Role == drop.NoSocket {
		return
	}
	r.text(dRole, [...]string{drop.Related: "related", drop.Sender: "sender", drop.Receiver: "receiver"}[s.Role])
	r.text(dKind, s.Kind())
	r.number(dCookie, s.Cookie)
	r.number(dInode, s.Inode)
	r.number(dUID, uint64(s.UID))
	if s.Local.IsValid() {
		r.text(dLocal, s.Local.String())
		r.text(dRemote, s.Remote.String())
		end(r, texts, dLocalIP, s.Local)
		end(r, texts, dRemoteIP, s.Remote)
	}
	r.number(dReceive, uint64(s.Received))
	r.number(dReceiveLimit, uint64(s.ReceiveLimit))
	r.number(dSend, uint64(s.Sent))
	r.number(dSendLimit, uint64(s.SendLimit))
}

// end puts an address, for ranges too, and its port.
func end(r *rows, texts *texts, at int, a netip.AddrPort) {
	t := texts.ofIP(a.Addr())
	r.text(at, t.text)
	r.text(at+1, t.bytes)
	r.number(at+2, uint64(a.Port()))
}
