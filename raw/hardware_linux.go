package raw

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
)

// devices knows which network devices stamp packets by clocks of their own.
type devices struct {
	hardware bool           // one does, so the sockets ask for its stamps
	names    map[int]string // by interface index, of those
	used     string         // name of the one whose stamps timed a round trip
}

// wanted is which send timestamps to ask for with an echo.
func (d *devices) wanted() cmsg.Set {
	if d.hardware {
		return cmsg.TxSched | cmsg.TxSoftware | cmsg.TxHardware
	}
	return cmsg.TxSched | cmsg.TxSoftware
}

// trip takes the round trip of an answer by a device's stamps, if there are two and they fit into the one that the
// kernel stamped.
func (d *devices) trip(s *slot, e *Echo, i *cmsg.Info) {
	if e.Source != TimeKernel || s.hard == 0 || i.Has&cmsg.RxHardware == 0 {
		return
	}
	rtt, ok := hardwareTrip(s.hard, i.Hardware.UnixNano(), e.RTT)
	if !ok {
		return
	}
	e.RTT, e.Split.Network, e.Source = rtt, rtt, TimeHardware
	if d.used == "" {
		d.used = d.names[i.Ifindex]
	}
}

// findDevices looks for devices that stamp, among all or at the one that the run is bound to. Only if that was asked
// for does it turn stamping on; it is never an error that it cannot: the kernel's stamps are used instead, which is a
// warning.
func findDevices(p *Pinger) (d devices, warnings []string) {
	if p.Stamps == StampsOff {
		return d, nil
	}
	ask := p.Stamps == StampsHardware
	warn := func(format string, args ...any) {
		if ask {
			warnings = append(warnings, "hardware timestamps: "+fmt.Sprintf(format, args...)+"; the kernel's are used")
		}
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		warn("%v", os.NewSyscallError("socket", err))
		return d, warnings
	}
	defer unix.Close(fd)
	interfaces, err := candidates(p.Device)
	if err != nil {
		warn("%v", err)
		return d, warnings
	}
	var refused error
	d.names = map[int]string{}
	for _, i := range interfaces {
		switch on, err := stamping(fd, i.Name, ask); {
		case on:
			d.names[i.Index] = i.Name
			d.hardware = true
		case err != nil:
			refused = fmt.Errorf("%s: %w", i.Name, err)
		}
	}
	switch {
	case d.hardware:
	case refused != nil:
		warn("%v", refused)
	case p.Device != "":
		warn("%s has none", p.Device)
	default:
		warn("no interface has them")
	}
	return d, warnings
}

// candidates returns the interfaces that echoes may leave by.
func candidates(device string) ([]net.Interface, error) {
	if device == "" {
		return net.Interfaces()
	}
	i, err := net.InterfaceByName(device)
	if err != nil {
		return nil, err
	}
	return []net.Interface{*i}, nil
}

// stamping tells whether a device stamps all packets of both directions; if it could and turnOn is set, it is told to.
// The error says that it could and would not.
func stamping(fd int, ifname string, turnOn bool) (on bool, err error) {
	info, err := unix.IoctlGetEthtoolTsInfo(fd, ifname)
	if err != nil || !canStamp(info) {
		return false, nil // also where the device knows nothing of the question
	}
	if cfg, err := unix.IoctlGetHwTstamp(fd, ifname); err == nil && stampsAll(cfg) {
		return true, nil
	}
	if !turnOn {
		return false, nil
	}
	cfg := &unix.HwTstampConfig{Tx_type: unix.HWTSTAMP_TX_ON, Rx_filter: unix.HWTSTAMP_FILTER_ALL}
	if err := unix.IoctlSetHwTstamp(fd, ifname, cfg); err != nil {
		return false, os.NewSyscallError("ioctl SIOCSHWTSTAMP", err)
	}
	return stampsAll(cfg), nil // the driver writes back what it does
}

// canStamp tells whether a device is able to stamp all packets of both directions.
func canStamp(info *unix.EthtoolTsInfo) bool {
	const both = unix.SOF_TIMESTAMPING_TX_HARDWARE | unix.SOF_TIMESTAMPING_RX_HARDWARE | unix.SOF_TIMESTAMPING_RAW_HARDWARE
	return info.So_timestamping&both == both && info.Tx_types&(1<<unix.HWTSTAMP_TX_ON) != 0 &&
		info.Rx_filters&(1<<unix.HWTSTAMP_FILTER_ALL) != 0
}

// stampsAll tells whether a device has been told to stamp all packets of both directions.
func stampsAll(cfg *unix.HwTstampConfig) bool {
	return cfg.Tx_type == unix.HWTSTAMP_TX_ON && cfg.Rx_filter == unix.HWTSTAMP_FILTER_ALL
}
