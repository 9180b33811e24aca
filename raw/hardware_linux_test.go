package raw

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
	"sockwire/raw/netlab"
	"sockwire/raw/probe"
)

// control makes a control message as the kernel lays it out.
func control(level, kind int32, data []byte) []byte {
	b := make([]byte, unix.CmsgSpace(len(data)))
	binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(len(data))))
	binary.NativeEndian.PutUint32(b[8:], uint32(level))
	binary.NativeEndian.PutUint32(b[12:], uint32(kind))
	copy(b[unix.CmsgLen(0):], data)
	return b
}

// scmTimestamping is struct scm_timestamping: software, unused, hardware. 0 is absent.
func scmTimestamping(software, hardware int64) []byte {
	b := make([]byte, 48)
	for at, ns := range map[int]int64{0: software, 32: hardware} {
		binary.NativeEndian.PutUint64(b[at:], uint64(ns/1e9))
		binary.NativeEndian.PutUint64(b[at+8:], uint64(ns%1e9))
	}
	return control(unix.SOL_SOCKET, unix.SCM_TIMESTAMPING, b)
}

// sendStamp is what the error queue says of a send: its times and the number of the echo.
func sendStamp(software, hardware int64, n uint32) []byte {
	e := make([]byte, 32)
	binary.NativeEndian.PutUint32(e, uint32(unix.ENOMSG))
	e[4] = byte(cmsg.OriginTimestamping)
	binary.NativeEndian.PutUint32(e[8:], uint32(cmsg.StampSent))
	binary.NativeEndian.PutUint32(e[12:], n)
	return append(scmTimestamping(software, hardware), control(unix.SOL_IP, unix.IP_RECVERR, e)...)
}

// TestHardwareStamps feeds a run the control messages of a device that stamps: this machine's do not.
func TestHardwareStamps(t *testing.T) {
	if unix.SizeofPtr != 8 {
		t.Skip("the messages are made as 64-bit kernels make them")
	}
	const wall, device = int64(1_700_000_000_000_000_000), int64(5_000_000_000)
	const us = int64(time.Microsecond)
	target := netip.MustParseAddr("192.0.2.1")
	for _, tc := range []struct {
		name                 string
		software, sent, back int64 // the kernel's stamp of the send, the device's of the send and of the reception; 0: none
		rtt                  time.Duration
		source               TimeSource
		queue, network       time.Duration
	}{
		{"both", wall + 30*us, device, device + 1900*us, 1900 * time.Microsecond, TimeHardware, 30 * time.Microsecond, 1900 * time.Microsecond},
		{"none of the send", wall + 30*us, 0, device + 1900*us, 2000 * time.Microsecond, TimeKernel, 30 * time.Microsecond, 2000 * time.Microsecond},
		{"none of the reception", wall + 30*us, device, 0, 2000 * time.Microsecond, TimeKernel, 30 * time.Microsecond, 2000 * time.Microsecond},
		{"none at all", wall + 30*us, 0, 0, 2000 * time.Microsecond, TimeKernel, 30 * time.Microsecond, 2000 * time.Microsecond},
		{"longer than the kernel's", wall + 30*us, device, device + 2100*us, 2000 * time.Microsecond, TimeKernel, 30 * time.Microsecond, 2000 * time.Microsecond},
		{"back before it was sent", wall + 30*us, device, device - us, 2000 * time.Microsecond, TimeKernel, 30 * time.Microsecond, 2000 * time.Microsecond},
		{"another device's", wall + 30*us, device, wall, 2000 * time.Microsecond, TimeKernel, 30 * time.Microsecond, 2000 * time.Microsecond},
		{"the kernel's missing", 0, device, device + 1900*us, 2030 * time.Microsecond, TimeProcess, 0, 0},
	} {
		c := testCodec(false, EchoRequest, 56)
		r := &run{flight: newFlight(Pinger{Timeout: time.Second}, sendBatch, 1024), clock: probe.NewWaiter(), local: &interfaces{}, devices: devices{hardware: true, names: map[int]string{7: "eth7"}}}
		l := &link{codec: *c, conn: &Conn{zones: map[uint32]string{}}, stamps: true}
		r.links = []*link{l}
		s, n, _ := r.flight.table.add()
		s.target, s.seq, s.wall, s.asked = target, 1, wall, true
		r.flight.open, r.flight.waiting = 1, 1
		read := Reading{2100 * time.Microsecond, wall + 2100*us}
		// The kernel tells of its own stamp and of the device's in two messages.
		for _, oob := range [][]byte{sendStamp(tc.software, 0, uint32(n)), sendStamp(0, tc.sent, uint32(n))} {
			r.takeStamp(l, &cmsg.Message{OOB: oob, NN: len(oob), Flags: unix.MSG_ERRQUEUE}, read)
		}
		info := make([]byte, unix.SizeofInet4Pktinfo)
		binary.NativeEndian.PutUint32(info, 7)
		oob := append(scmTimestamping(wall+2030*us, tc.back), control(unix.SOL_IP, unix.IP_PKTINFO, info)...)
		reply := replyTo(c, n, target)
		r.takePacket(l, &cmsg.Message{Buf: reply, N: len(reply), OOB: oob, NN: len(oob), Addr: netip.AddrPortFrom(target, 0)}, read)
		if len(r.flight.ends) != 1 {
			t.Fatalf("%s: %d ends", tc.name, len(r.flight.ends))
		}
		e := r.flight.ends[0]
		if e.Outcome != probe.Answered || e.RTT != tc.rtt || e.Source != tc.source || e.Split.Queue != tc.queue || e.Split.Network != tc.network {
			t.Errorf("%s: %v by %v, %+v", tc.name, e.RTT, e.Source, e.Split)
		}
		if used := map[bool]string{true: "eth7"}[tc.source == TimeHardware]; r.devices.used != used {
			t.Errorf("%s: the stamps are said to be of %q", tc.name, r.devices.used)
		}
	}
}

// TestStampingDevices tells devices that stamp everything from those that do not.
func TestStampingDevices(t *testing.T) {
	const all = unix.SOF_TIMESTAMPING_TX_HARDWARE | unix.SOF_TIMESTAMPING_RX_HARDWARE | unix.SOF_TIMESTAMPING_RAW_HARDWARE
	able := unix.EthtoolTsInfo{So_timestamping: all, Tx_types: 1<<unix.HWTSTAMP_TX_OFF | 1<<unix.HWTSTAMP_TX_ON,
		Rx_filters: 1<<unix.HWTSTAMP_FILTER_NONE | 1<<unix.HWTSTAMP_FILTER_ALL}
	if !canStamp(&able) {
		t.Error("a device that can stamp is taken for one that cannot")
	}
	for name, change := range map[string]func(*unix.EthtoolTsInfo){
		"receives only":      func(i *unix.EthtoolTsInfo) { i.So_timestamping &^= unix.SOF_TIMESTAMPING_TX_HARDWARE },
		"sends only":         func(i *unix.EthtoolTsInfo) { i.So_timestamping &^= unix.SOF_TIMESTAMPING_RX_HARDWARE },
		"no raw times":       func(i *unix.EthtoolTsInfo) { i.So_timestamping &^= unix.SOF_TIMESTAMPING_RAW_HARDWARE },
		"time protocol only": func(i *unix.EthtoolTsInfo) { i.Rx_filters = 1 << unix.HWTSTAMP_FILTER_PTP_V2_EVENT },
		"no sends":           func(i *unix.EthtoolTsInfo) { i.Tx_types = 1 << unix.HWTSTAMP_TX_OFF },
	} {
		info := able
		if change(&info); canStamp(&info) {
			t.Errorf("a device that %s is taken for one that can stamp", name)
		}
	}
	for _, cfg := range []unix.HwTstampConfig{{}, {Tx_type: unix.HWTSTAMP_TX_ON}, {Rx_filter: unix.HWTSTAMP_FILTER_ALL},
		{Tx_type: unix.HWTSTAMP_TX_ON, Rx_filter: unix.HWTSTAMP_FILTER_PTP_V2_EVENT}} {
		if stampsAll(&cfg) {
			t.Errorf("%+v stamps all", cfg)
		}
	}
	if !stampsAll(&unix.HwTstampConfig{Tx_type: unix.HWTSTAMP_TX_ON, Rx_filter: unix.HWTSTAMP_FILTER_ALL}) {
		t.Error("a device that is on is taken for one that is not")
	}
}

// TestHardwareRefused asks devices that have no clock: the run says so and uses the kernel's stamps.
func TestHardwareRefused(t *testing.T) {
	_, a, b := netlab.Two(t)
	for _, tc := range []struct {
		device, why string
		target      netip.Addr
	}{{"", "no interface has them", b.Addr4()}, {a.Ifname(), a.Ifname() + " has none", b.Addr6()}, {"lo", "lo has none", netip.MustParseAddr("127.0.0.1")}} {
		p := Pinger{Count: 2, Interval: 5 * time.Millisecond, Stamps: StampsHardware, Device: tc.device}
		echoes, report := ping(t, a, &p, one(tc.target))
		if len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], tc.why) || report.Hardware != "" {
			t.Errorf("%q: %+v", tc.device, report)
		}
		for _, e := range echoes {
			if e.Outcome != probe.Answered || e.Source != TimeKernel {
				t.Errorf("%q: %+v", tc.device, e)
			}
		}
	}
	// Nobody asked for it: nothing is said.
	if _, report := ping(t, a, &Pinger{Count: 1}, one(b.Addr4())); len(report.Warnings) != 0 {
		t.Errorf("%q", report.Warnings)
	}
}
