package netlab

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockwire/raw/internal/ethtool"
)

// ethtool does one request of <linux/ethtool.h> on this host and returns what the ioctl returned.
func (h *Host) ethtool(ifname string, request unsafe.Pointer) (result int, err error) {
	err = h.Do(func() (err error) {
		if result, err = ethtool.Do(ifname, request); err != nil {
			err = fmt.Errorf("netlab: host %s: %w", h.name, err)
		}
		return err
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

// SetOffload switches something that an interface does for the network stack on or off: "tx-checksum", "rx-checksum",
// "tso", "gso", "gro", or a name that ethtool -k prints, as "tx-udp-segmentation". Virtual Ethernet leaves checksums
// and segmentation undone by default, as nobody will ever see the wire.
func (h *Host) SetOffload(ifname, name string, on bool) error {
	var features []string
	if err := h.Do(func() (err error) { features, err = ethtool.Features(ifname); return err }); err != nil {
		return fmt.Errorf("netlab: host %s: %w", h.name, err)
	}
	names := offloadAliases[name]
	if names == nil {
		names = []string{name}
	}
	type block struct{ valid, requested uint32 }
	var request struct { // struct ethtool_sfeatures
		cmd, size uint32
		blocks    [ethtool.MaxFeatures / 32]block
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
