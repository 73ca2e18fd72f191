package natlab

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// namespaces is where ip keeps the names of namespaces.
const namespaces = "/run/netns"

// prefix begins the names of all our namespaces; the number of the process that
// made them follows.
const prefix = "natlab-"

// tools are the programs that build a lab.
type tools struct{ ip, nft string }

// find returns the tools, or says what is missing.
func find() (tools, error) {
	if os.Geteuid() != 0 {
		return tools{}, fmt.Errorf("the NAT lab needs root")
	}
	var found [2]string
	for i, name := range []string{"ip", "nft"} {
		path, err := exec.LookPath(name)
		for _, dir := range []string{"/usr/sbin", "/sbin"} {
			if err != nil {
				path, err = exec.LookPath(filepath.Join(dir, name))
			}
		}
		if err != nil {
			return tools{}, fmt.Errorf("the NAT lab needs %q: install iproute2 and nftables", name)
		}
		found[i] = path
	}
	return tools{found[0], found[1]}, nil
}

// run runs a program with that input; its words are the error.
func run(input, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// removeLeftovers removes the namespaces of processes that are no more.
func (t tools) removeLeftovers() {
	entries, _ := os.ReadDir(namespaces) // none at all where nobody has made one
	for _, e := range entries {
		owner, _, ok := strings.Cut(strings.TrimPrefix(e.Name(), prefix), "-")
		if !ok || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		if _, err := strconv.Atoi(owner); err != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join("/proc", owner)); os.IsNotExist(err) {
			_ = run("", t.ip, "netns", "delete", e.Name()) // another lab may be faster
		}
	}
}

// within runs fn on a thread that is in the namespace. Sockets that fn opens
// stay there. fn must not start goroutines that open others.
func within(namespace string, fn func() error) error {
	result := make(chan error, 1)
	go func() {
		// The thread is never unlocked, so that it ends with this goroutine and
		// nothing else runs in the namespace by accident.
		runtime.LockOSThread()
		result <- enter(namespace, fn)
	}()
	return <-result
}

func enter(namespace string, fn func() error) error {
	f, err := os.Open(filepath.Join(namespaces, namespace))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering namespace %q: %w", namespace, err)
	}
	return fn()
}

// flushConnections makes the connection tracking of the thread's namespace
// forget everything: the message is IPCTNL_MSG_CT_DELETE without a tuple.
func flushConnections() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	const subsystem, deletion = 1, 2 // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
	message := []byte{
		20, 0, 0, 0, deletion, subsystem, unix.NLM_F_REQUEST | unix.NLM_F_ACK, 0, 1, 0, 0, 0, 0, 0, 0, 0,
		unix.AF_INET, 0, 0, 0, // struct nfgenmsg
	}
	if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	reply := make([]byte, 512)
	n, _, err := unix.Recvfrom(fd, reply, 0)
	if err != nil {
		return err
	}
	if n >= 20 { // struct nlmsgerr begins with a negative errno, 0 for success
		if code := int32(uint32(reply[16]) | uint32(reply[17])<<8 | uint32(reply[18])<<16 | uint32(reply[19])<<24); code != 0 {
			return unix.Errno(-code)
		}
	}
	return nil
}

// unavailable ends a test that cannot be held here.
func unavailable(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("ACSGATE_NATLAB") == "required" {
		t.Fatalf("ACSGATE_NATLAB=required: %v", err)
	}
	t.Skip(err)
}
