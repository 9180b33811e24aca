//go:build !linux

package netlab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
)

func unsupported() error {
	return &Error{
		Err:    fmt.Errorf("a lab of network namespaces: %w on %s", errors.ErrUnsupported, runtime.GOOS),
		Reason: "only Linux has network namespaces",
		hint:   "run this on Linux, in a virtual machine or a container with --cap-add=SYS_ADMIN --cap-add=NET_ADMIN",
	}
}

func ready() error { return unsupported() }

// Run runs the tests and exits with their status: there are no namespaces here to run them in.
func Run(m interface{ Run() int }) { os.Exit(m.Run()) }

// Enter returns an error that wraps [errors.ErrUnsupported].
func Enter() (inside bool, status int, err error) { return false, 0, unsupported() }

// Available returns an error that wraps [errors.ErrUnsupported].
func Available() error { return unsupported() }

// LoopbackUp returns an error that wraps [errors.ErrUnsupported].
func LoopbackUp(int) error { return unsupported() }

// Lab is a private network. There is none here.
type Lab struct{}

// New returns an error that wraps [errors.ErrUnsupported].
func New(*Config) (*Lab, error) { return nil, unsupported() }

func (l *Lab) Close() error                                 { return unsupported() }
func (l *Lab) Host(string) (*Host, error)                   { return nil, unsupported() }
func (l *Lab) Router(string) (*Host, error)                 { return nil, unsupported() }
func (l *Lab) Link(*Host, *Host, LinkConfig) (*Link, error) { return nil, unsupported() }

// Link is two joined interfaces.
type Link struct{ A, B End }

func (k *Link) Records(*Host) ([]Record, error)                     { return nil, unsupported() }
func (k *Link) Totals(*Host) (Totals, error)                        { return Totals{}, unsupported() }
func (k *Link) Crossed(context.Context, *Host, int) (Totals, error) { return Totals{}, unsupported() }
func (k *Link) Settle(context.Context) error                        { return unsupported() }

// Host is a host of a lab. There is none here.
type Host struct{}

func (h *Host) Do(func() error) error             { return unsupported() }
func (h *Host) Go(func() error) func() error      { return unsupported }
func (h *Host) Name() string                      { return "" }
func (h *Host) Ends() []End                       { return nil }
func (h *Host) Addr4() netip.Addr                 { return netip.Addr{} }
func (h *Host) Addr6() netip.Addr                 { return netip.Addr{} }
func (h *Host) Ifname() string                    { return "" }
func (h *Host) Ifindex() int                      { return 0 }
func (h *Host) MAC() net.HardwareAddr             { return nil }
func (h *Host) Sysctl(string, string) error       { return unsupported() }
func (h *Host) ReadSysctl(string) (string, error) { return "", unsupported() }

func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Err = unsupported()
	return cmd
}

func (h *Host) SetMTU(string, int) error                                { return unsupported() }
func (h *Host) SetUp(string, bool) error                                { return unsupported() }
func (h *Host) SetOffload(string, string, bool) error                   { return unsupported() }
func (h *Host) DropUDP(uint16) error                                    { return unsupported() }
func (h *Host) LimitRate(string, int, int, int) error                   { return unsupported() }
func (h *Host) AddAddr(string, netip.Prefix) error                      { return unsupported() }
func (h *Host) AddNeighbour(string, netip.Addr, net.HardwareAddr) error { return unsupported() }
func (h *Host) DeleteNeighbour(string, netip.Addr) error                { return unsupported() }
func (h *Host) AddRoute(Route) error                                    { return unsupported() }
