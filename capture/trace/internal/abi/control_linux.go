package abi

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
	"sockwire/raw/cmsg"
)

// control is what the control messages of a header say.
type control struct {
	arg     trace.Arg // all of them described, for a control argument
	fds     []int
	segment int // UDP_SEGMENT
	queued  []trace.QueuedError
}

// maxShown is how long the description of control messages may get before the rest is left out, in bytes. maxData is
// how many of their bytes are kept beside it.
const (
	maxShown = 1024
	maxData  = 256
)

// control reads the control messages of a header. What is beyond maxControl is not read.
func (d *Decoder) control(h header) control {
	if h.control == 0 || h.controlLen == 0 {
		return control{}
	}
	b := d.bytes(h.control, min(h.controlLen, maxControl))
	c := control{arg: trace.Arg{Name: "control", Kind: trace.ArgData, Data: b[:min(len(b), maxData):min(len(b), maxData)], Size: h.controlLen}}
	var all []string
	shown, more := 0, h.controlLen > maxControl
	for len(b) > 0 {
		level, kind, data, rest, ok := cmsg.Split(b)
		text := "malformed"
		if ok {
			text = c.message(option{int(level), int(kind)}, data, b[:len(b)-len(rest)])
		}
		if shown < maxShown {
			all = append(all, text)
		} else {
			more = true
		}
		shown += len(text)
		if !ok {
			break
		}
		b = rest
	}
	if more {
		all = append(all, "…")
	}
	c.arg.Text = "[" + strings.Join(all, ", ") + "]"
	return c
}

// controlNames are the control messages that are not called as the option which asks for them is.
var controlNames = map[option]string{
	{unix.SOL_SOCKET, unix.SCM_RIGHTS}: "SCM_RIGHTS", {unix.SOL_SOCKET, unix.SCM_CREDENTIALS}: "SCM_CREDENTIALS", {unix.SOL_SOCKET, 3}: "SCM_SECURITY",
	{unix.SOL_SOCKET, 4}: "SCM_PIDFD", {unix.SOL_SOCKET, unix.SCM_TIMESTAMPING_OPT_STATS}: "SCM_TIMESTAMPING_OPT_STATS",
	{unix.SOL_SOCKET, unix.SCM_TIMESTAMPING_PKTINFO}: "SCM_TIMESTAMPING_PKTINFO", {unix.SOL_SOCKET, unix.SCM_TXTIME}: "SCM_TXTIME", {unix.SOL_SOCKET, 81}: "SCM_TS_OPT_ID",
	{unix.SOL_IP, unix.IP_PASSSEC}: "SCM_SECURITY", {unix.SOL_TCP, unix.TCP_INQ}: "TCP_CM_INQ", {unix.SOL_TLS, 1}: "TLS_SET_RECORD_TYPE", {unix.SOL_TLS, 2}: "TLS_GET_RECORD_TYPE",
}

// message describes a control message, whole with its header, and keeps what the joining goes by.
func (c *control) message(o option, data, whole []byte) string {
	name, known := controlNames[o]
	if !known {
		name, known = optionsOf[o.level][o.name]
	}
	if !known {
		return fmt.Sprintf("%s:%d %s", nameOr(levels, o.level), o.name, quoted(data, len(data)))
	}
	value := c.special(o, data)
	if value == "" {
		var info cmsg.Info
		if info.Parse(whole, 0); !info.Malformed {
			value = c.parsed(&info)
		}
	}
	if value == "" {
		value = plainText(data)
	}
	return name + " " + value
}

// special are those that a program passes only, or that say something else there than when they are received.
func (c *control) special(o option, data []byte) string {
	switch {
	case o == option{unix.SOL_UDP, unix.UDP_SEGMENT} && len(data) >= 2:
		c.segment = int(order.Uint16(data))
		return fmt.Sprint(c.segment)
	case (o == option{unix.SOL_SOCKET, unix.SO_TIMESTAMPING} || o == option{unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW}) && len(data) == 4:
		return timestampingFlags(order.Uint32(data))
	case o == option{unix.SOL_SOCKET, unix.SCM_TXTIME} && len(data) == 8:
		return fmt.Sprint(order.Uint64(data))
	case controlNames[o] == "SCM_SECURITY":
		return fmt.Sprintf("%d bytes", len(data))
	}
	return ""
}

// parsed is what our other packages make of a control message of one kind.
func (c *control) parsed(i *cmsg.Info) string {
	switch i.Has {
	case cmsg.Rights:
		c.fds = append(c.fds, i.Rights...)
		all := make([]string, len(i.Rights))
		for n, fd := range i.Rights {
			all[n] = fmt.Sprint(fd)
		}
		return "[" + strings.Join(all, ", ") + "]"
	case cmsg.Credentials:
		return fmt.Sprintf("{pid=%d, uid=%d, gid=%d}", i.Pid, i.UID, i.GID)
	case cmsg.RxSoftware, cmsg.RxHardware, cmsg.RxSoftware | cmsg.RxHardware:
		if i.Hardware.IsZero() {
			return stampText(i.Software)
		}
		return fmt.Sprintf("{software=%s, hardware=%s}", stampText(i.Software), stampText(i.Hardware))
	case cmsg.PacketInfo:
		if !i.Local.IsValid() {
			return fmt.Sprintf("{ipi6_addr=%v, ipi6_ifindex=%d}", i.Dst, i.Ifindex)
		}
		return fmt.Sprintf("{ipi_ifindex=%d, ipi_spec_dst=%v, ipi_addr=%v}", i.Ifindex, i.Local, i.Dst)
	case cmsg.Errors:
		return c.extendedError(&i.Error)
	case cmsg.OriginalDst:
		return i.OriginalDst.String()
	case cmsg.TOS:
		return fmt.Sprintf("%#x", i.TOS)
	case cmsg.FlowInfo:
		return fmt.Sprintf("%#x", i.FlowInfo)
	}
	return ""
}

// Origins of an extended error, and the time stamps that come as one (include/uapi/linux/errqueue.h).
var (
	origins = map[int]string{0: "NONE", 1: "LOCAL", 2: "ICMP", 3: "ICMP6", 4: "TIMESTAMPING", 5: "ZEROCOPY", 6: "TXTIME"}
	stamps  = map[int]string{0: "SCM_TSTAMP_SND", 1: "SCM_TSTAMP_SCHED", 2: "SCM_TSTAMP_ACK", 3: "SCM_TSTAMP_COMPLETION"}
)

func (c *control) extendedError(e *cmsg.Error) string {
	q := trace.QueuedError{Origin: e.Origin.String(), Type: e.Type, Code: e.Code, Info: e.Info, Data: e.Data, Offender: e.Offender}
	if e.Errno != 0 {
		q.Errno = ErrnoName(int64(e.Errno))
	}
	c.queued = append(c.queued, q)
	var f members
	f.add("ee_errno", "%s", q.Errno)
	if q.Errno == "" {
		f[0] = "ee_errno=0"
	}
	f.add("ee_origin", "SO_EE_ORIGIN_%s", nameOr(origins, int(e.Origin)))
	f.add("ee_type", "%d", e.Type)
	f.add("ee_code", "%d", e.Code)
	if _, _, ok := e.Timestamp(); ok {
		f.add("ee_info", "%s", nameOr(stamps, int(e.Info)))
	} else {
		f.add("ee_info", "%d", e.Info)
	}
	f.add("ee_data", "%d", e.Data)
	if e.Offender.IsValid() {
		f.add("offender", "%v", e.Offender)
	}
	return f.String()
}

// plainText is a number, or bytes.
func plainText(data []byte) string {
	switch len(data) {
	case 1:
		return fmt.Sprint(data[0])
	case 2:
		return fmt.Sprint(order.Uint16(data))
	case 4:
		return fmt.Sprint(int32(order.Uint32(data)))
	}
	return quoted(data, len(data))
}
