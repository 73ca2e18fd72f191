package tlsconf

import (
	"crypto/x509"
	"sync/atomic"

	"go.uber.org/zap"
)

// clientCA is a file of authorities for client certificates. The pool may be
// read at any time; the rest is guarded by the manager's reloading.
type clientCA struct {
	path     string
	pool     atomic.Pointer[x509.CertPool]
	loaded   digest
	broken   digest
	reported bool
}

// clientCA returns the pool of a file, which is followed from then on.
func (m *Manager) clientCA(path string) (*clientCA, error) {
	m.reloading.Lock()
	defer m.reloading.Unlock()
	if ca, ok := m.clientCAs[path]; ok {
		return ca, nil
	}
	pool, sum, err := readPool(path)
	if err != nil {
		return nil, err
	}
	ca := &clientCA{path: path, loaded: sum}
	ca.pool.Store(pool)
	m.clientCAs[path] = ca
	return ca, nil
}

// refresh reloads the file if it has changed; one that cannot be used leaves
// the old authorities in place and is logged once, at the second look.
func (ca *clientCA) refresh(log *zap.Logger) {
	pool, sum, err := readPool(ca.path)
	switch {
	case err == nil:
		ca.broken, ca.reported = digest{}, false
		if sum != ca.loaded {
			ca.loaded = sum
			ca.pool.Store(pool)
			log.Info("client authorities reloaded", zap.String("file", ca.path))
		}
	case ca.broken != sum:
		ca.broken, ca.reported = sum, false
	case !ca.reported:
		ca.reported = true
		log.Error("client authorities cannot be used, the old ones stay: repair the file",
			zap.String("file", ca.path), zap.Error(err))
	}
}
