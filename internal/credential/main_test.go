package credential

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/internal/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// brittle is a store that fails on demand and counts writes.
type brittle struct {
	store.Store
	broken atomic.Bool
	writes atomic.Int64
}

var errBroken = errors.New("disk is gone")

func (b *brittle) PutMany(ctx context.Context, writes []store.Write) error {
	if b.broken.Load() {
		return errBroken
	}
	b.writes.Add(int64(len(writes)))
	return b.Store.PutMany(ctx, writes)
}

func newStore(t *testing.T) *brittle {
	t.Helper()
	s := &brittle{Store: memstore.New(time.Now)}
	t.Cleanup(func() { s.Close() })
	return s
}

func depsFor(t *testing.T, s store.Store) Deps {
	t.Helper()
	return Deps{Store: s, Log: zaptest.NewLogger(t), Metrics: prometheus.NewRegistry(), Now: time.Now}
}

func mustOpen(t *testing.T, cfg Config, dir string, deps Deps) *Vault {
	t.Helper()
	v, err := Open(t.Context(), cfg, dir, deps)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mustGet(t *testing.T, v *Vault, id cwmp.DeviceID) Set {
	t.Helper()
	s, err := v.Get(t.Context(), id)
	if err != nil {
		t.Fatalf("Get(%s): %v", id, err)
	}
	return s
}

func mustFlush(t *testing.T, v *Vault) {
	t.Helper()
	if err := v.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func device(serial string) cwmp.DeviceID {
	return cwmp.DeviceID{Manufacturer: "Maker", OUI: "00D09E", ProductClass: "HG1", SerialNumber: serial}
}

func passwordFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func dropped(v *Vault, reason string) float64 {
	return testutil.ToFloat64(v.metrics.dropped.WithLabelValues(reason))
}

var full = Set{Login{"cruser", "crpassword"}, Login{"stunuser", "stunpassword"}}
