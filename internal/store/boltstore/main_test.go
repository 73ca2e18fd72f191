package boltstore

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// childEnv makes the test binary a child process that does what the variable
// says, with the store file of the other variable.
const (
	childEnv     = "BOLTSTORE_TEST_CHILD"
	childPathEnv = "BOLTSTORE_TEST_PATH"
)

var children = map[string]func(path string) error{
	"write": childWrite,
	"open":  childOpen,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		if err := children[name](os.Getenv(childPathEnv)); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// childOpen opens the store, says so, and keeps it until its input ends.
func childOpen(path string) error {
	s, err := Open(Config{Path: path, LockTimeout: time.Second}, time.Now)
	if err != nil {
		return err
	}
	fmt.Println("open")
	buf := make([]byte, 1)
	_, _ = os.Stdin.Read(buf)
	return s.Close()
}
