package netlab

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// DropUDP makes the host's packet filter (nftables) drop what comes for a UDP port. The error is EOPNOTSUPP or
// EPROTONOSUPPORT where the kernel has no nftables, and ENOENT where it lacks a part of it.
func (h *Host) DropUDP(port uint16) error {
	err := h.Do(func() error { return nftables(dropUDP(port)) })
	if err != nil {
		return fmt.Errorf("netlab: host %s: make a rule of the packet filter: %w", h.name, err)
	}
	return nil
}

// A message to nftables (linux/netfilter/nf_tables.h): what it does, and its attributes.
type nftMessage struct {
	do    uint16
	attrs []*nl.RtAttr
}

// dropUDP are messages that make a table, in it a chain where packets come to sockets, and in that a rule.
func dropUDP(port uint16) []nftMessage {
	const name = "netlab"
	hook := nested(unix.NFTA_CHAIN_HOOK)
	add(hook, unix.NFTA_HOOK_HOOKNUM, nl.BEUint32Attr(unix.NF_INET_LOCAL_IN))
	add(hook, unix.NFTA_HOOK_PRIORITY, nl.BEUint32Attr(0))

	verdict := nested(unix.NFTA_DATA_VERDICT)
	add(verdict, unix.NFTA_VERDICT_CODE, nl.BEUint32Attr(0)) // NF_DROP, linux/netfilter.h
	drop := nested(unix.NFTA_IMMEDIATE_DATA)
	drop.AddChild(verdict)
	rule := nested(unix.NFTA_RULE_EXPRESSIONS)
	for _, e := range []*nl.RtAttr{
		expression("meta", number(unix.NFTA_META_DREG, unix.NFT_REG_1), number(unix.NFTA_META_KEY, unix.NFT_META_L4PROTO)),
		equal([]byte{unix.IPPROTO_UDP}),
		expression("payload", number(unix.NFTA_PAYLOAD_DREG, unix.NFT_REG_1), number(unix.NFTA_PAYLOAD_BASE, unix.NFT_PAYLOAD_TRANSPORT_HEADER),
			number(unix.NFTA_PAYLOAD_OFFSET, 2), number(unix.NFTA_PAYLOAD_LEN, 2)),
		equal(binary.BigEndian.AppendUint16(nil, port)),
		expression("immediate", number(unix.NFTA_IMMEDIATE_DREG, unix.NFT_REG_VERDICT), drop),
	} {
		rule.AddChild(e)
	}
	return []nftMessage{
		{unix.NFT_MSG_NEWTABLE, []*nl.RtAttr{text(unix.NFTA_TABLE_NAME, name)}},
		{unix.NFT_MSG_NEWCHAIN, []*nl.RtAttr{text(unix.NFTA_CHAIN_TABLE, name), text(unix.NFTA_CHAIN_NAME, "input"), hook, text(unix.NFTA_CHAIN_TYPE, "filter")}},
		{unix.NFT_MSG_NEWRULE, []*nl.RtAttr{text(unix.NFTA_RULE_TABLE, name), text(unix.NFTA_RULE_CHAIN, "input"), rule}},
	}
}

func nested(kind int) *nl.RtAttr { return nl.NewRtAttr(kind|unix.NLA_F_NESTED, nil) }

func add(to *nl.RtAttr, kind int, data []byte) { to.AddRtAttr(kind, data) }

func text(kind int, s string) *nl.RtAttr { return nl.NewRtAttr(kind, append([]byte(s), 0)) }

func number(kind int, n uint32) *nl.RtAttr { return nl.NewRtAttr(kind, nl.BEUint32Attr(n)) }

func expression(name string, attrs ...*nl.RtAttr) *nl.RtAttr {
	data := nested(unix.NFTA_EXPR_DATA)
	for _, a := range attrs {
		data.AddChild(a)
	}
	e := nested(unix.NFTA_LIST_ELEM)
	e.AddChild(text(unix.NFTA_EXPR_NAME, name))
	e.AddChild(data)
	return e
}

// equal goes on in a rule when register 1 has these bytes.
func equal(b []byte) *nl.RtAttr {
	data := nested(unix.NFTA_CMP_DATA)
	add(data, unix.NFTA_DATA_VALUE, b)
	return expression("cmp", number(unix.NFTA_CMP_SREG, unix.NFT_REG_1), number(unix.NFTA_CMP_OP, unix.NFT_CMP_EQ), data)
}

// nftables carries messages out in one transaction (linux/netfilter/nfnetlink.h), in the network namespace of this
// thread.
func nftables(messages []nftMessage) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		return err
	}
	batch := nftHeader(nil, unix.NFNL_MSG_BATCH_BEGIN, 0, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, nil)
	for i, m := range messages {
		var attrs []byte
		for _, a := range m.attrs {
			attrs = append(attrs, a.Serialize()...)
		}
		flags := uint16(unix.NLM_F_CREATE | unix.NLM_F_APPEND | unix.NLM_F_ACK)
		batch = nftHeader(batch, unix.NFNL_SUBSYS_NFTABLES<<8|m.do, flags, uint32(i+1), unix.NFPROTO_INET, 0, attrs)
	}
	batch = nftHeader(batch, unix.NFNL_MSG_BATCH_END, 0, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, nil)
	if err := unix.Sendto(fd, batch, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	b := make([]byte, 1<<16)
	for done := 0; done < len(messages); {
		n, _, err := unix.Recvfrom(fd, b, 0)
		if err != nil {
			return err
		}
		answers, err := syscall.ParseNetlinkMessage(b[:n])
		if err != nil {
			return err
		}
		for _, a := range answers {
			if a.Header.Type != unix.NLMSG_ERROR || len(a.Data) < 4 {
				continue
			}
			if errno := -int32(binary.NativeEndian.Uint32(a.Data)); errno != 0 {
				return unix.Errno(errno)
			}
			done++
		}
	}
	return nil
}

// nftHeader appends a message: a struct nlmsghdr, a struct nfgenmsg and attributes.
func nftHeader(b []byte, kind, flags uint16, number uint32, family uint8, resource uint16, attrs []byte) []byte {
	b = binary.NativeEndian.AppendUint32(b, uint32(unix.SizeofNlMsghdr+4+len(attrs)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags|unix.NLM_F_REQUEST)
	b = binary.NativeEndian.AppendUint32(b, number)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = append(b, family, unix.NFNETLINK_V0)
	b = binary.BigEndian.AppendUint16(b, resource)
	return append(b, attrs...)
}
