package tlsconf

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// worker obtains and renews the certificates of one ACME configuration, one
// name at a time. It drives certmagic itself instead of certmagic's background
// jobs, which belong to the process and cannot be waited for.
type worker struct {
	m      *Manager
	setup  *acmeSetup
	cache  *certmagic.Cache
	magic  *certmagic.Config
	issuer *issuer
	names  []*order
}

// order is when a name is looked at next, and how often it has failed.
type order struct {
	name     string
	due      time.Time
	failures int
}

// runACME works off the ACME configuration, each time anew when it changes.
func (m *Manager) runACME(ctx context.Context) {
	for ctx.Err() == nil {
		m.mu.Lock()
		setup := m.acme
		m.mu.Unlock()
		working, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if setup != nil {
				m.work(working, setup)
			}
		}()
		select {
		case <-ctx.Done():
		case <-m.reloaded:
		}
		cancel()
		<-done
	}
}

// work looks after the names of a configuration until ctx ends.
func (m *Manager) work(ctx context.Context, setup *acmeSetup) {
	w := m.newWorker(setup)
	defer w.close()
	for {
		next := w.soonest()
		if next == nil {
			<-ctx.Done()
			return
		}
		wait := time.NewTimer(time.Until(next.due))
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
			w.attend(ctx, next)
		}
	}
}

// newWorker starts certmagic's maintenance goroutine, which close ends. It has
// nothing to do, since the cache is empty but for moments.
func (m *Manager) newWorker(setup *acmeSetup) *worker {
	log := m.log.WithOptions(zap.WrapCore(quieter)).Named("acme")
	w := &worker{m: m, setup: setup, issuer: newIssuer(m, setup, log)}
	w.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(certmagic.Certificate) (*certmagic.Config, error) { return w.magic, nil },
		RenewCheckInterval: m.pace.check,
		Logger:             log,
	})
	w.magic = certmagic.New(w.cache, certmagic.Config{
		RenewalWindowRatio: renewalRatio,
		KeySource:          certmagic.StandardKeyGenerator{KeyType: keyTypes[setup.cfg.KeyType]},
		Issuers:            []certmagic.Issuer{w.issuer},
		Storage:            setup.storage,
		Logger:             log,
		// CPEs do not ask for stapled OCSP, and fetching it cannot be stopped.
		OCSP: certmagic.OCSPConfig{DisableStapling: true},
	})
	for _, g := range m.managedBy(setup) {
		w.names = append(w.names, &order{name: g.name, due: time.Now()})
	}
	return w
}

func (w *worker) close() {
	w.cache.Stop()
	w.issuer.close()
}

func (w *worker) soonest() *order {
	var next *order
	for _, o := range w.names {
		if next == nil || o.due.Before(next.due) {
			next = o
		}
	}
	return next
}

// attend makes sure that a name has a good certificate, and says when to look
// again.
func (w *worker) attend(ctx context.Context, o *order) {
	before := w.current(o.name)
	err := w.manage(ctx, o, before)
	if ctx.Err() != nil {
		return
	}
	after, loadErr := w.setup.stored(ctx, o.name)
	if loadErr != nil {
		after = before
	}
	w.m.setManaged(w.setup, &managed{name: o.name, current: after, err: err})
	w.report(o, before, after, err)
	if err == nil {
		o.failures = 0
		o.due = time.Now().Add(w.m.pace.check)
		return
	}
	o.due = time.Now().Add(w.backoff(o))
	o.failures++
}

func (w *worker) backoff(o *order) time.Duration {
	retry := w.m.pace.retry
	return retry[min(o.failures, len(retry)-1)]
}

// manage obtains or renews the certificate of a name if it is due. The memory
// of certmagic is emptied before, so that it looks into the store, and after.
func (w *worker) manage(ctx context.Context, o *order, current *certificate) error {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	if err := w.discardUnusable(ctx, o.name); err != nil {
		return err
	}
	if current != nil && o.failures == 0 {
		ctx = withReplaced(ctx, current.tls.Leaf)
	}
	forget := []certmagic.SubjectIssuer{{Subject: o.name}}
	w.cache.RemoveManaged(forget)
	defer w.cache.RemoveManaged(forget)
	return w.magic.ManageSync(ctx, []string{o.name})
}

// discardUnusable removes a certificate whose key does not fit, so that a new
// one is ordered. Whoever holds certmagic's lock may be writing just now.
func (w *worker) discardUnusable(ctx context.Context, name string) error {
	if _, err := w.setup.stored(ctx, name); !errors.Is(err, errUnusable) {
		return nil
	}
	lock := "issue_cert_" + name
	if err := w.setup.storage.Lock(ctx, lock); err != nil {
		return err
	}
	defer func() { _ = w.setup.storage.Unlock(context.WithoutCancel(ctx), lock) }()
	_, err := w.setup.stored(ctx, name)
	if !errors.Is(err, errUnusable) {
		return nil
	}
	w.m.log.Warn("stored certificate is discarded, a new one is ordered",
		zap.String("certificate", name), zap.Error(err))
	return w.setup.storage.Delete(ctx, certmagic.StorageKeys.CertsSitePrefix(w.setup.issuerKey, name))
}

func (w *worker) current(name string) *certificate {
	for _, g := range w.m.managedBy(w.setup) {
		if g.name == name {
			return g.current
		}
	}
	return nil
}

// report logs what an operator wants to know of an attempt.
func (w *worker) report(o *order, before, after *certificate, err error) {
	log := w.m.log.With(zap.String("certificate", o.name), zap.String("directory", w.setup.cfg.Directory))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Error("certificate cannot be obtained: the CA must reach port 80 or 443 of the name at this gateway",
			zap.Duration("retry", w.backoff(o)), zap.Error(err))
	}
	if after == nil || before != nil && before.tls.Leaf.Equal(after.tls.Leaf) {
		return
	}
	log.Info("certificate obtained", zap.Time("not_after", after.tls.Leaf.NotAfter), zap.String("root", after.rootName()))
	if before != nil && before.rootName() != after.rootName() {
		log.Warn("certificate leads to another root than before: CPEs with old trust stores may refuse it; see tls.acme.preferred_chain",
			zap.String("old_root", before.rootName()), zap.String("root", after.rootName()))
	}
}
