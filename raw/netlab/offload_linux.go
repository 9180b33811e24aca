package netlab

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtool does one request of <linux/ethtool.h> on this host and returns what the ioctl returned.
func (h *Host) ethtool(ifname string, request unsafe.Pointer) (result int, err error) {
	err = h.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		var ifr struct { // struct ifreq
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [24 - unsafe.Sizeof(uintptr(0))]byte
		}
		copy(ifr.name[:unix.IFNAMSIZ-1], ifname)
		ifr.data = request
		r, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&ifr)))
		if errno != 0 {
			return fmt.Errorf("netlab: host %s: ethtool %s: %w", h.name, ifname, errno)
		}
		result = int(r)
		return nil
	})
	return result, err
}

// syncCarrier asks for the link state, which makes the kernel take note of a carrier that came.
func (h *Host) syncCarrier(ifname string) error {
	request := struct{ cmd, data uint32 }{cmd: unix.ETHTOOL_GLINK}
	_, err := h.ethtool(ifname, unsafe.Pointer(&request))
	return err
}

// Short names of what ethtool -K has short names for.
var offloadAliases = map[string][]string{
	"tx-checksum": {"tx-checksum-ip-generic"},
	"rx-checksum": {"rx-checksum"},
	"tso":         {"tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-tcp-ecn-segmentation", "tx-tcp-mangleid-segmentation"},
	"gso":         {"tx-generic-segmentation"},
	"gro":         {"rx-gro"},
}

const (
	maxFeatures   = 128 // of a device; Linux 6.18 has about half
	ethSSFeatures = 4   // ETH_SS_FEATURES of <linux/ethtool.h>
	ethGstringLen = 32  // ETH_GSTRING_LEN
)

// SetOffload switches something that an interface does for the network stack on or off: "tx-checksum", "rx-checksum", "tso",
// "gso", "gro", or a name that ethtool -k prints, as "tx-udp-segmentation". Virtual Ethernet leaves checksums
// and segmentation undone by default, as nobody will ever see the wire.
func (h *Host) SetOffload(ifname, name string, on bool) error {
	features, err := h.features(ifname)
	if err != nil {
		return err
	}
	names := offloadAliases[name]
	if names == nil {
		names = []string{name}
	}
	type block struct{ valid, requested uint32 }
	var request struct { // struct ethtool_sfeatures
		cmd, size uint32
		blocks    [maxFeatures / 32]block
	}
	request.cmd, request.size = unix.ETHTOOL_SFEATURES, uint32(len(features)+31)/32
	for _, n := range names {
		i := slices.Index(features, n)
		if i < 0 {
			return fmt.Errorf("netlab: host %s: %s has no offload %q: %w", h.name, ifname, n, errors.ErrUnsupported)
		}
		request.blocks[i/32].valid |= 1 << (i % 32)
		if on {
			request.blocks[i/32].requested |= 1 << (i % 32)
		}
	}
	result, err := h.ethtool(ifname, unsafe.Pointer(&request))
	if err == nil && result != 0 { // ETHTOOL_F_UNSUPPORTED, ETHTOOL_F_WISH
		err = fmt.Errorf("netlab: host %s: %s: the kernel did not switch %q to %v: %w", h.name, ifname, name, on, errors.ErrUnsupported)
	}
	return err
}

// features returns the names of an interface's features by their bit.
func (h *Host) features(ifname string) ([]string, error) {
	var count struct { // struct ethtool_sset_info
		cmd, _ uint32
		mask   uint64
		count  uint32
	}
	count.cmd, count.mask = unix.ETHTOOL_GSSET_INFO, 1<<ethSSFeatures
	if _, err := h.ethtool(ifname, unsafe.Pointer(&count)); err != nil {
		return nil, err
	}
	if count.count > maxFeatures {
		return nil, fmt.Errorf("netlab: host %s: %s has %d features, at most %d are known", h.name, ifname, count.count, maxFeatures)
	}
	var request struct { // struct ethtool_gstrings
		cmd, set, count uint32
		names           [maxFeatures][ethGstringLen]byte
	}
	request.cmd, request.set, request.count = unix.ETHTOOL_GSTRINGS, ethSSFeatures, count.count
	if _, err := h.ethtool(ifname, unsafe.Pointer(&request)); err != nil {
		return nil, err
	}
	names := make([]string, count.count)
	for i := range names {
		name, _, _ := bytes.Cut(request.names[i][:], []byte{0})
		names[i] = string(name)
	}
	return names, nil
}
