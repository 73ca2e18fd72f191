package boltstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/store"
)

// childWrite writes from several goroutines, with every method, until it is
// killed, and prints each write after it was acknowledged: the key and the
// number in its value, which only ever ascends for one key.
func childWrite(path string) error {
	s, err := Open(Config{Path: path}, time.Now)
	if err != nil {
		return err
	}
	fmt.Println("open")
	var out sync.Mutex
	acknowledge := func(lines string) {
		out.Lock()
		defer out.Unlock()
		_, _ = os.Stdout.WriteString(lines) // unbuffered: what is printed is acknowledged
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() { writeAlone(s, w, acknowledge) })
	}
	for w := range 2 {
		wg.Go(func() { writeMany(s, w, acknowledge) })
	}
	wg.Wait()
	return errors.New("writers ended")
}

func writeAlone(s *Store, w int, acknowledge func(string)) {
	for n := 1; ; n++ {
		key := fmt.Sprintf("alone/%d/%d", w, rand.IntN(50))
		e, err := s.Get(context.Background(), key)
		last, _, _ := parseValue(e.Value)
		if err == nil || errors.Is(err, store.ErrNotFound) {
			opts := store.PutOptions{Expect: store.Revision(e.Revision)}
			_, err = s.Put(context.Background(), key, makeValue(last+1, rand.IntN(3000)), opts)
		}
		if err != nil {
			acknowledge("error: " + err.Error() + "\n")
			return
		}
		acknowledge(fmt.Sprintf("%s %d\n", key, last+1))
	}
}

func writeMany(s *Store, w int, acknowledge func(string)) {
	numbers := map[string]int{}
	err := s.Scan(context.Background(), fmt.Sprintf("many/%d/", w), func(e store.Entry) error {
		numbers[e.Key], _, _ = parseValue(e.Value)
		return nil
	})
	for err == nil {
		var lines strings.Builder
		var writes []store.Write
		for _, i := range rand.Perm(400)[:100] {
			key := fmt.Sprintf("many/%d/%d", w, i)
			numbers[key]++
			writes = append(writes, store.Write{Key: key, Value: makeValue(numbers[key], 150)})
			fmt.Fprintf(&lines, "%s %d\n", key, numbers[key])
		}
		if err = s.PutMany(context.Background(), writes); err == nil {
			acknowledge(lines.String())
		}
	}
	acknowledge("error: " + err.Error() + "\n")
}

// makeValue returns a value that says how long it must be.
func makeValue(n, padding int) []byte {
	return fmt.Appendf(nil, "%d %d %s", n, padding, strings.Repeat("x", padding))
}

func parseValue(b []byte) (n, padding int, whole bool) {
	number, rest, _ := strings.Cut(string(b), " ")
	size, text, _ := strings.Cut(rest, " ")
	n, _ = strconv.Atoi(number)
	padding, err := strconv.Atoi(size)
	return n, padding, err == nil && len(text) == padding
}

// TestAcknowledgedWritesSurviveKill kills a process that writes, again and
// again, and looks for every write that it was told of.
func TestAcknowledgedWritesSurviveKill(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	path := filepath.Join(t.TempDir(), "acsgate.db")
	acknowledged := map[string]int{}
	for round := range rounds {
		before := len(acknowledged)
		runUntilKilled(t, path, time.Duration(rand.IntN(150))*time.Millisecond, acknowledged)
		checkAcknowledged(t, path, acknowledged)
		t.Logf("round %d: %d keys, %d new", round, len(acknowledged), len(acknowledged)-before)
	}
	if len(acknowledged) == 0 {
		t.Error("no write was acknowledged in any round")
	}
}

// runUntilKilled runs a writing child for a while, kills it, and notes what it
// acknowledged.
func runUntilKilled(t *testing.T, path string, d time.Duration, acknowledged map[string]int) {
	cmd, lines := startChild(t, "write", path)
	if !lines.Scan() || lines.Text() != "open" {
		t.Fatalf("the child says %q", lines.Text())
	}
	kill := time.AfterFunc(d, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	for lines.Scan() {
		key, number, ok := strings.Cut(lines.Text(), " ")
		n, err := strconv.Atoi(number)
		if !ok || err != nil {
			if strings.HasPrefix(key, "error") {
				t.Errorf("the child says %q", lines.Text())
			}
			continue // a line that the kill cut off
		}
		acknowledged[key] = max(acknowledged[key], n)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
}

func startChild(t *testing.T, name, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+name, childPathEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil { // open until the child has ended
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func checkAcknowledged(t *testing.T, path string, acknowledged map[string]int) {
	s, err := Open(Config{Path: path}, time.Now)
	if err != nil {
		t.Fatalf("open after the kill: %v", err)
	}
	defer s.Close()
	found := map[string]int{}
	err = s.Scan(t.Context(), "", func(e store.Entry) error {
		n, padding, whole := parseValue(e.Value)
		if !whole {
			t.Errorf("%s has %d bytes, want %d of padding", e.Key, len(e.Value), padding)
		}
		found[e.Key] = n
		return nil
	})
	if err != nil {
		t.Fatalf("scan after the kill: %v", err)
	}
	for key, n := range acknowledged {
		if found[key] < n {
			t.Errorf("%s holds number %d, but %d was acknowledged", key, found[key], n)
		}
	}
}

func TestKillDuringCreationLeavesNoHalfFile(t *testing.T) {
	dir := t.TempDir()
	for i := range 20 {
		path := filepath.Join(dir, fmt.Sprint(i), "acsgate.db")
		cmd, _ := startChild(t, "open", path)
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		mustOpen(t, path, time.Now)
	}
}
