package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
)

// upstream is one ACS as it is configured. It is immutable; a reload makes new
// ones that share the admission of the old.
type upstream struct {
	cfg       UpstreamConfig
	base      *target
	tls       *tls.Config
	admission *admission
	metrics   upstreamMetrics
}

func newUpstream(cfg UpstreamConfig, adm *admission, m upstreamMetrics) (*upstream, error) {
	tlsConfig, err := upstreamTLS(cfg)
	if err != nil {
		return nil, fmt.Errorf("acs %q: %w", cfg.Name, err)
	}
	base, err := newTarget(cfg.URL, tlsConfig)
	if err != nil {
		return nil, fmt.Errorf("acs %q: %w", cfg.Name, err)
	}
	return &upstream{cfg: cfg, base: base, tls: tlsConfig, admission: adm, metrics: m}, nil
}

// upstreamTLS is the client side of an https ACS. Sessions are resumed, since
// every CWMP session is a new connection.
func upstreamTLS(cfg UpstreamConfig) (*tls.Config, error) {
	c := &tls.Config{
		ServerName:         cfg.ServerName,
		InsecureSkipVerify: cfg.InsecureSkipVerify, //nolint:gosec // the operator's explicit choice, for ACSs with self-made certificates
		ClientSessionCache: tls.NewLRUClientSessionCache(64),
		MinVersion:         tls.VersionTLS12,
	}
	if cfg.RootCAFile != "" {
		pem, err := os.ReadFile(cfg.RootCAFile)
		if err != nil {
			return nil, fmt.Errorf("root_ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("root_ca_file %q holds no certificate in PEM form", cfg.RootCAFile)
		}
	}
	if cfg.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("cert_file: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// dial opens a connection to a target of this ACS within the connect timeout,
// and by deadline at the latest.
func (u *upstream) dial(t *target, deadline time.Time) (*acsConn, error) {
	if soon := time.Now().Add(u.cfg.ConnectTimeout); soon.Before(deadline) {
		deadline = soon
	}
	list, err := t.addrs.get(deadline)
	if err != nil {
		return nil, err
	}
	nc, err := dialAny(list, deadline)
	if err != nil {
		return nil, err
	}
	if !t.secure {
		return newACSConn(nc), nil
	}
	secured := tls.Client(nc, t.tls)
	if err := handshake(secured, deadline); err != nil {
		nc.Close()
		return nil, err
	}
	return newACSConn(secured), nil
}

func handshake(conn *tls.Conn, deadline time.Time) error {
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	return conn.Handshake()
}

// dialAny tries one address after the other, each for its share of the time, so
// that one which swallows packets does not use up that of the next. TCP
// keep-alives are off: sessions are short and have timeouts of their own, and
// four system calls a session are worth saving.
func dialAny(list []netip.AddrPort, deadline time.Time) (nc net.Conn, err error) {
	d := net.Dialer{KeepAlive: -1}
	for i, address := range list {
		d.Timeout = time.Until(deadline) / time.Duration(len(list)-i)
		if d.Timeout <= 0 {
			break
		}
		// By DialContext, which lets connect choose the local port. DialTCP would
		// bind one first, and a port that is bound serves but one destination.
		if nc, err = d.DialContext(context.Background(), "tcp", address.String()); err == nil {
			return nc, nil
		}
	}
	if err == nil {
		err = os.ErrDeadlineExceeded
	}
	return nil, err
}
