package device

import (
	"bufio"
	"context"
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

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/store/boltstore"
)

// childPathEnv makes the test binary a child process that assigns devices in
// that store until it is killed.
const childPathEnv = "DEVICE_TEST_CHILD_PATH"

// assignUntilKilled assigns devices to ascending ACSs, "1", "2" and so on, while
// it notes their Informs, and prints each assignment once it is acknowledged.
func assignUntilKilled(path string) error {
	s, err := boltstore.Open(boltstore.Config{Path: path}, time.Now)
	if err != nil {
		return err
	}
	deps := Deps{Store: s, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Now: time.Now}
	r, err := New(Config{FlushInterval: 10 * time.Millisecond}, deps)
	if err != nil {
		return err
	}
	if err := r.Load(context.Background()); err != nil {
		return err
	}
	fmt.Println("ready")
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() { assignInTurn(r, w) })
	}
	wg.Go(func() { _ = r.Run(context.Background()) })
	wg.Wait()
	return nil
}

func assignInTurn(r *Registry, w int) {
	for {
		id := numberedID(w*10 + rand.IntN(10))
		r.NoteInform(sighting(id))
		was := r.Assigned(id)
		n, _ := strconv.Atoi(was)
		acs := strconv.Itoa(n + 1)
		if err := r.Assign(context.Background(), id, acs, "test", &was); err != nil {
			fmt.Println("error:", err)
			return
		}
		fmt.Println(id.SerialNumber, acs)
		r.NoteInform(sighting(id))
	}
}

func TestAcknowledgedAssignmentsSurviveKill(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	path := filepath.Join(t.TempDir(), "acsgate.db")
	acknowledged := map[string]int{}
	for range rounds {
		runUntilKilled(t, path, time.Duration(20+rand.IntN(150))*time.Millisecond, acknowledged)
		checkAssignments(t, path, acknowledged)
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was acknowledged in any round")
	}
}

func runUntilKilled(t *testing.T, path string, d time.Duration, acknowledged map[string]int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childPathEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the child says %q", lines.Text())
	}
	kill := time.AfterFunc(d, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	for lines.Scan() {
		serial, acs, _ := strings.Cut(lines.Text(), " ")
		if strings.HasPrefix(serial, "error") {
			t.Errorf("the child says %q", lines.Text())
		}
		if n, err := strconv.Atoi(acs); err == nil {
			acknowledged[serial] = max(acknowledged[serial], n)
		}
	}
	_ = cmd.Wait()
}

func checkAssignments(t *testing.T, path string, acknowledged map[string]int) {
	t.Helper()
	s, err := boltstore.Open(boltstore.Config{Path: path}, time.Now)
	if err != nil {
		t.Fatalf("open after the kill: %v", err)
	}
	defer s.Close()
	f := newFixture(t, Config{}, s)
	if err := f.Load(t.Context()); err != nil {
		t.Fatalf("load after the kill: %v", err)
	}
	for rec := range f.All() {
		n, _ := strconv.Atoi(rec.HomeACS)
		// One more may have been stored than was heard of.
		if want := acknowledged[rec.ID.SerialNumber]; n != want && n != want+1 {
			t.Errorf("%s is assigned to %q, but %d was acknowledged", rec.ID, rec.HomeACS, want)
		}
		acknowledged[rec.ID.SerialNumber] = n
	}
	for i := range 40 {
		id := numberedID(i)
		if want := acknowledged[id.SerialNumber]; want > 0 && f.Assigned(id) != strconv.Itoa(want) {
			t.Errorf("%s is not assigned, but %d was acknowledged", id, want)
		}
	}
}
