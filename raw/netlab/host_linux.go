package netlab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Host is a network namespace with its interfaces.
type Host struct {
	lab    *Lab
	name   string
	router bool
	ends   []*End // guarded by lab.mu
	nl     *netlink.Handle

	mu sync.RWMutex // held for writing while ns is closed
	ns *os.File     // nil when closed
}

// Settings of a new host. Several are copied from the first network namespace by the kernel, so what the
// machine is set to must not show in a lab; the IPv6 ones keep the kernel from sending on its own.
var hostSysctls = []struct{ name, value string }{
	{"net.ipv4.ip_forward", "0"},
	{"net.ipv4.conf.all.rp_filter", "0"},
	{"net.ipv4.conf.default.rp_filter", "0"},
	{"net.ipv6.conf.all.disable_ipv6", "0"},
	{"net.ipv6.conf.default.disable_ipv6", "0"},
	{"net.ipv6.conf.default.accept_dad", "0"},
	{"net.ipv6.conf.default.accept_ra", "0"},
	{"net.ipv6.conf.default.router_solicitations", "0"},
	{"net.ipv6.conf.default.addr_gen_mode", "1"},
	{"net.ipv6.conf.default.mldv2_unsolicited_report_interval", "1"},
}

// Settings of a router. Interfaces that come later start as those of a host, or they would join the
// all-routers group and report it; the kernel asks only the "all" setting whether to forward.
var routerSysctls = []struct{ name, value string }{
	{"net.ipv4.ip_forward", "1"},
	{"net.ipv6.conf.all.forwarding", "1"},
	{"net.ipv6.conf.default.forwarding", "0"},
}

func newHost(l *Lab, name string, router bool) (h *Host, err error) {
	h = &Host{lab: l, name: name, router: router}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	err = onThread(func() error { return unix.Unshare(unix.CLONE_NEWNET) }, func() error {
		if h.ns, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
		if err := setLoopbackUp(); err != nil {
			return err
		}
		settings := hostSysctls
		if router {
			settings = append(settings[:len(settings):len(settings)], routerSysctls...)
		}
		for _, s := range settings {
			if l.cfg.IPv4Only && strings.HasPrefix(s.name, "net.ipv6.") {
				continue
			}
			if err := writeSysctl(s.name, s.value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	h.nl, err = netlink.NewHandleAt(netns.NsHandle(h.ns.Fd()), unix.NETLINK_ROUTE)
	return h, err
}

func (h *Host) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.nl != nil {
		h.nl.Close()
	}
	if h.ns != nil {
		h.ns.Close()
		h.ns = nil
	}
}

// onThread moves the calling thread to another network namespace, runs fn, and moves it back, whatever fn does.
// The thread is kept rather than thrown away: a child of fn may have asked to die with the thread that
// started it, and the main thread cannot be thrown away.
func onThread(enter, fn func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	if err := enter(); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
			panic("netlab: cannot leave a host's namespace: " + err.Error())
		}
		runtime.UnlockOSThread()
	}()
	return fn()
}

// Do runs fn on this host, on the calling goroutine, and returns its error: sockets that fn opens belong to the host
// and stay there after Do has returned. The goroutine keeps its thread meanwhile and leaves the host when fn returns,
// panics or ends the goroutine (as t.Fatal does). Do may be nested.
//
// Goroutines that fn starts are not on the host: use [Host.Go] for them. Neither is what the net package does on
// goroutines of its own: dial and listen on IP addresses, not on names. The directory /proc/net shows the main
// thread's namespace; read /proc/thread-self/net.
func (h *Host) Do(fn func() error) error {
	enter := func() error {
		h.mu.RLock()
		defer h.mu.RUnlock()
		if h.ns == nil {
			return net.ErrClosed
		}
		return unix.Setns(int(h.ns.Fd()), unix.CLONE_NEWNET)
	}
	var own error
	err := onThread(enter, func() error { own = fn(); return nil })
	if err != nil {
		return fmt.Errorf("netlab: enter host %s: %w", h.name, err)
	}
	return own
}

// Go runs fn on this host on a goroutine of its own and returns a function that waits for it and returns its error.
func (h *Host) Go(fn func() error) (wait func() error) {
	done := make(chan error, 1)
	go func() {
		err := errors.New("netlab: the function ended its goroutine")
		defer func() { done <- err }()
		err = h.Do(fn)
	}()
	return sync.OnceValue(func() error { return <-done })
}

// Command returns a command that will run on this host; otherwise it is [exec.CommandContext]. It starts as a copy
// of this program, which moves and becomes the named one, so Cmd.Path and Cmd.Args are not those of the
// program: change its environment, directory and streams, not these. A program that is not there is reported
// in Cmd.Err.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.ns == nil {
		cmd.Err = fmt.Errorf("netlab: command on host %s: %w", h.name, net.ErrClosed)
		return cmd
	}
	if cmd.Err != nil {
		return cmd
	}
	path, err := filepath.Abs(cmd.Path)
	if err != nil {
		cmd.Err = err
		return cmd
	}
	ns := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.ns.Fd())
	cmd.Args = append([]string{execName, ns, path}, cmd.Args...)
	cmd.Path = "/proc/self/exe"
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// execInHost is what a copy started by Command does: args are the namespace, the path and the arguments from argv[0]
// on.
func execInHost(args []string) {
	runtime.LockOSThread()
	fail := func(what string, err error) {
		fmt.Fprintf(os.Stderr, "netlab: %s: %v\n", what, err)
		os.Exit(127)
	}
	fd, err := unix.Open(args[0], unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		fail("open the host's namespace", err)
	}
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		fail("enter the host's namespace", err)
	}
	fail("exec "+args[1], syscall.Exec(args[1], args[2:], os.Environ()))
}

// Name returns the name given to [Lab.Host] or [Lab.Router].
func (h *Host) Name() string { return h.name }

// Ends returns the host's ends of its links, in the order in which these were made.
func (h *Host) Ends() []End {
	h.lab.mu.Lock()
	defer h.lab.mu.Unlock()
	ends := make([]End, len(h.ends))
	for i, e := range h.ends {
		ends[i] = *e
	}
	return ends
}

// first is the end of the host's first link, or a zero End.
func (h *Host) first() End {
	if ends := h.Ends(); len(ends) > 0 {
		return ends[0]
	}
	return End{}
}

// Addr4 returns the IPv4 address on the host's first link, or the zero Addr.
func (h *Host) Addr4() netip.Addr { return h.first().Addr4 }

// Addr6 returns the IPv6 address on the host's first link, or the zero Addr.
func (h *Host) Addr6() netip.Addr { return h.first().Addr6 }

// Ifname returns the name of the interface on the host's first link, or "". Interfaces are eth0, eth1 and so on.
func (h *Host) Ifname() string { return h.first().Ifname }

// Ifindex returns the index of the interface on the host's first link, or 0.
func (h *Host) Ifindex() int { return h.first().Ifindex }

// MAC returns the hardware address of the interface on the host's first link.
func (h *Host) MAC() net.HardwareAddr { mac := h.first().MAC; return mac[:] }

// nextIfname is called with lab.mu held.
func (h *Host) nextIfname() string { return "eth" + strconv.Itoa(len(h.ends)) }

// Sysctl writes a setting of the host, named with dots or slashes: "net.ipv4.ping_group_range", "0 0". Group
// and user numbers are those of this process's user namespace, where an ordinary user is 0.
func (h *Host) Sysctl(name, value string) error {
	return h.Do(func() error {
		if err := writeSysctl(name, value); err != nil {
			return fmt.Errorf("netlab: host %s: %w", h.name, err)
		}
		return nil
	})
}

// ReadSysctl reads a setting of the host, without the final newline.
func (h *Host) ReadSysctl(name string) (value string, err error) {
	err = h.Do(func() error {
		b, err := os.ReadFile(sysctlPath(name))
		value = strings.TrimSuffix(string(b), "\n")
		return err
	})
	return value, err
}

// sysctlPath follows sysctl(8): with a slash in it the name is a path, otherwise dots separate.
func sysctlPath(name string) string {
	if !strings.Contains(name, "/") {
		name = strings.ReplaceAll(name, ".", "/")
	}
	return filepath.Join("/proc/sys", name)
}

func writeSysctl(name, value string) error {
	if err := os.WriteFile(sysctlPath(name), []byte(value), 0); err != nil {
		return fmt.Errorf("set %s to %q: %w", name, value, err)
	}
	return nil
}
