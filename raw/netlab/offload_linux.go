package netlab

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolValue is struct ethtool_value of <linux/ethtool.h>.
type ethtoolValue struct{ cmd, data uint32 }

// ethtool does one request that carries a single number, on this host.
func (h *Host) ethtool(ifname string, v *ethtoolValue) error {
	return h.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		var ifr struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [24 - unsafe.Sizeof(uintptr(0))]byte
		}
		copy(ifr.name[:unix.IFNAMSIZ-1], ifname)
		ifr.data = unsafe.Pointer(v)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&ifr))); errno != 0 {
			return fmt.Errorf("netlab: host %s: ethtool %s: %w", h.name, ifname, errno)
		}
		return nil
	})
}

// syncCarrier asks for the link state, which makes the kernel take note of a carrier that came.
func (h *Host) syncCarrier(ifname string) error {
	return h.ethtool(ifname, &ethtoolValue{cmd: unix.ETHTOOL_GLINK})
}
