package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/acsgate/acsgate/internal/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "0123456789abcdef0123456789"

func secretFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fixture is a journal and the webhooks that read it.
type fixture struct {
	t       *testing.T
	journal *journal.Journal
	hooks   *Webhooks
	log     lines
	stop    func()
}

// lines are log lines.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) Sync() error { return nil }

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newFixture(t *testing.T, hooks ...Hook) *fixture {
	t.Helper()
	f := &fixture{t: t}
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), &f.log, zap.DebugLevel))
	var err error
	if f.journal, err = journal.New(journal.Config{}, journal.Deps{Metrics: prometheus.NewRegistry(), Now: time.Now, Log: log}); err != nil {
		t.Fatal(err)
	}
	for i := range hooks {
		hooks[i].SecretFile = secretFile(t)
		if hooks[i].Name == "" {
			hooks[i].Name = "noc"
		}
	}
	f.hooks, err = New(Config{Webhooks: hooks}, Deps{
		Subscribe: f.journal.Subscribe, Metrics: prometheus.NewRegistry(), Now: time.Now, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// start runs journal and webhooks until stop.
func (f *fixture) start() {
	ctx, cancel := context.WithCancel(f.t.Context())
	journalCtx, cancelJournal := context.WithCancel(f.t.Context())
	var all, hooks sync.WaitGroup
	all.Go(func() { _ = f.journal.Run(journalCtx) })
	hooks.Go(func() {
		if err := f.hooks.Run(ctx); err != nil {
			f.t.Error(err)
		}
	})
	f.stop = sync.OnceFunc(func() {
		cancel()
		hooks.Wait()
		cancelJournal()
		all.Wait()
	})
	f.t.Cleanup(f.stop)
}

func (f *fixture) publish(n int, e journal.Event) {
	for range n {
		f.journal.Publish(e)
	}
	f.journal.Flush()
}

func (f *fixture) deliveries(r result) int {
	return int(testutil.ToFloat64(f.hooks.metrics.deliveries.WithLabelValues("noc", string(r))))
}

func (f *fixture) dropped() int {
	return int(testutil.ToFloat64(f.hooks.metrics.dropped.WithLabelValues("noc")))
}

// receiver is the other side, without a network. It checks each delivery as receivers
// should and answers with what answer says, 204 without.
type receiver struct {
	t      *testing.T
	answer func(attempt int) (*http.Response, error)

	mu       sync.Mutex
	attempts []attempt
}

type attempt struct {
	at     time.Time
	id     string
	events []received
}

type received struct {
	ID   uint64          `json:"id"`
	Kind string          `json:"kind"`
	ACS  string          `json:"acs"`
	Text string          `json:"text"`
	Data json.RawMessage `json:"data"`
}

func (r *receiver) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	if err := Verify([]byte(secret), request.Header.Get(SignatureHeader), body, time.Now(), time.Second); err != nil {
		r.t.Error(err)
	}
	a := attempt{at: time.Now(), id: request.Header.Get(DeliveryHeader)}
	if err := json.Unmarshal(body, &a.events); err != nil || len(a.events) == 0 {
		r.t.Errorf("%v: %.200s", err, body)
	}
	if request.Method != http.MethodPost || request.Header.Get("Content-Type") != "application/json" || len(body) > maxBatchBytes+1<<15 || len(a.events) > maxBatch {
		r.t.Errorf("%s, %v, %d bytes, %d events", request.Method, request.Header, len(body), len(a.events))
	}
	r.mu.Lock()
	r.attempts = append(r.attempts, a)
	n := len(r.attempts)
	r.mu.Unlock()
	if r.answer != nil {
		return r.answer(n)
	}
	return status(http.StatusNoContent), nil
}

func status(code int, headers ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader("no"))}
}

func (r *receiver) got() []attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]attempt(nil), r.attempts...)
}

func (f *fixture) receiver() *receiver {
	r := &receiver{t: f.t}
	f.hooks.hooks[0].client.Transport = r
	return r
}
