//go:build linux || darwin

package boltstore

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// openAsNobody has a child without privileges open the file.
func openAsNobody(t *testing.T, path string) {
	binary := path + ".test" // where anybody may run it
	content, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, content, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), childEnv+"=open", childPathEnv+"="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.Output()
	if err == nil {
		t.Fatalf("opened: %s", out)
	}
	for _, word := range []string{path, "permission denied", "readable and writable"} {
		if !strings.Contains(string(out), word) {
			t.Errorf("the error %q does not say %q", out, word)
		}
	}
}
