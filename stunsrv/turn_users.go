package stunsrv

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // RFC 8489 9.2.2 prescribes it
	"crypto/sha1" //nolint:gosec // the form of time-limited credentials prescribes it
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// turnUsers are those who may use the relay. It does not change once made.
type turnUsers struct {
	realm  string
	secret string // of time-limited credentials, "" without them
	byName map[string]*turnUser
}

// turnUser is one of them.
type turnUser struct {
	name     string
	key      []byte // of its password, nil if it has none
	most     int    // allocations
	interval time.Duration
	depth    time.Duration
	gauge    prometheus.Gauge

	mu   sync.Mutex
	held []*turnAllocation // and those closed a moment ago
	full time.Duration     // when its bucket is full again, see limiter
}

// newTURNUsers reads the files of passwords and of the secret.
func newTURNUsers(cfg *TURNConfig, m *turnMetrics) (*turnUsers, error) {
	u := &turnUsers{realm: cfg.Realm, byName: make(map[string]*turnUser, len(cfg.Users))}
	var err error
	if cfg.SecretFile != "" {
		if u.secret, err = readSecret("turn.secret_file", cfg.SecretFile); err != nil {
			return nil, err
		}
	}
	interval := time.Second / time.Duration(cfg.RequestsPerSecond)
	for i, c := range cfg.Users {
		user := &turnUser{
			name: c.Name, most: cfg.Allocations, gauge: m.allocations.WithLabelValues(c.Name),
			interval: interval, depth: interval * time.Duration(cfg.RequestsPerSecond-1),
		}
		if c.PasswordFile != "" {
			password, err := readSecret("turn."+index("users", i)+".password_file", c.PasswordFile)
			if err != nil {
				return nil, err
			}
			user.key = longTermKey(c.Name, cfg.Realm, password)
		}
		u.byName[c.Name] = user
	}
	return u, nil
}

// readSecret returns what a file holds without the white space around it.
func readSecret(key, file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	secret := strings.TrimSpace(string(content))
	if secret == "" {
		return "", fmt.Errorf("%s: file %q is empty", key, file)
	}
	return secret, nil
}

// find returns the user that a USERNAME stands for and the key of its long-term
// credentials (RFC 8489 9.2.2), nil if there is none or its time is over. It is the
// name of a user, or "expiry:name", whose password anybody can make who has the
// secret.
func (u *turnUsers) find(username string, now time.Time) (*turnUser, []byte) {
	expiry, name, limited := strings.Cut(username, ":")
	if !limited {
		if user := u.byName[username]; user != nil && user.key != nil {
			return user, user.key
		}
		return nil, nil
	}
	user := u.byName[name]
	until, err := strconv.ParseInt(expiry, 10, 64)
	if user == nil || u.secret == "" || err != nil || now.Unix() >= until {
		return nil, nil
	}
	return user, longTermKey(username, u.realm, timeLimitedPassword(u.secret, username))
}

// longTermKey returns the key that signs (RFC 8489 9.2.2).
func longTermKey(username, realm, password string) []byte {
	sum := md5.Sum([]byte(username + ":" + realm + ":" + password)) //nolint:gosec // RFC 8489 9.2.2
	return sum[:]
}

// timeLimitedPassword returns the password of a user name that holds its expiry.
func timeLimitedPassword(secret, username string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// restingFactor bounds the allocations closed a moment ago that a user may have,
// in multiples of those that it may hold.
const restingFactor = 16

// hasRoom tells whether the user may have one more allocation.
func (u *turnUser) hasRoom(now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.roomLocked(now)
}

// take notes one more allocation of the user, or tells that it has too many.
func (u *turnUser) take(a *turnAllocation, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.roomLocked(now) {
		return false
	}
	u.held = append(u.held, a)
	u.gauge.Inc()
	return true
}

func (u *turnUser) roomLocked(now time.Time) bool {
	live := 0
	u.held = slices.DeleteFunc(u.held, func(a *turnAllocation) bool {
		switch a.state(now) {
		case turnLive:
			live++
			return false
		case turnResting:
			return false
		}
		a.conn.forget(a)
		return true
	})
	return live < u.most && len(u.held) < restingFactor*u.most
}

// mayWake takes one datagram out of the user's bucket, which holds one second's
// worth, and tells whether there was one. now is the time since a fixed moment.
func (u *turnUser) mayWake(now time.Duration) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.full-now > u.depth {
		return false
	}
	u.full = max(u.full, now) + u.interval
	return true
}
