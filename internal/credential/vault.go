package credential

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

// Deps are what the vault needs of others.
type Deps struct {
	Store   store.Store
	Log     *zap.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
	// OnSTUNUser is told when a STUN user name of a device is learned that it did
	// not have before, not of those that Load reads. It must not block. Optional.
	OnSTUNUser func(id cwmp.DeviceID, username string)
}

func (d *Deps) check() error {
	if d.Store == nil || d.Log == nil || d.Metrics == nil || d.Now == nil {
		return errors.New("credentials: Deps.Store, Deps.Log, Deps.Metrics and Deps.Now are required")
	}
	return nil
}

// Vault keeps the logins of devices. All methods are safe for concurrent use.
type Vault struct {
	deps    Deps
	log     *zap.Logger
	metrics *metrics
	keyFile string
	key     []byte
	sealer  sealer
	index   *index
	queue   *queue
	logins  atomic.Pointer[[]login]
}

// Bounds of what is kept in memory.
const (
	maxQueue = 100_000   // devices with logins that are not stored yet
	maxUsers = 2_000_000 // devices with a STUN login
)

// Open reads the key file, which it makes if it is the default one and there is
// none, and the password files. dataDir is where a relative key file is; with ""
// the default key is a new one in memory, for stores that last no longer. It is
// an error if the store was used with another key, so that a key that was lost or
// mixed up is noticed now and not when the first device cannot be woken. Nothing
// is started; Load comes next, then Run.
func Open(ctx context.Context, cfg Config, dataDir string, deps Deps) (*Vault, error) {
	if err := deps.check(); err != nil {
		return nil, err
	}
	v := &Vault{deps: deps, log: deps.Log.Named("credentials"), keyFile: cfg.keyFile(), index: newIndex(maxUsers), queue: newQueue(maxQueue)}
	if err := v.openKey(ctx, dataDir); err != nil {
		return nil, err
	}
	logins, err := newLogins(cfg.Logins)
	if err != nil {
		return nil, err
	}
	v.logins.Store(&logins)
	if v.metrics, err = newMetrics(v, deps.Metrics); err != nil {
		return nil, err
	}
	return v, nil
}

// Keys in the store.
const (
	recordPrefix = "credential/"
	checkKey     = "credential-check"
)

// openKey obtains the key and holds it against the check value in the store,
// which it writes if there is none.
func (v *Vault) openKey(ctx context.Context, dataDir string) error {
	check, err := v.deps.Store.Get(ctx, checkKey)
	used := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("credentials: read the check of the key: %w", err)
	}
	path := v.keyFile
	switch {
	case dataDir == "" && path == DefaultKeyFile:
		v.key = newKey()
	default:
		if !isAbs(path) {
			path = filepath.Join(dataDir, path)
		}
		if v.key, err = obtainKey(path, v.keyFile == DefaultKeyFile && !used); err != nil {
			return err
		}
	}
	vaultKey, err := derive(v.key, "vault")
	if err == nil {
		v.sealer, err = newSealer(vaultKey)
	}
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	if !used {
		_, err := v.deps.Store.Put(ctx, checkKey, v.sealer.seal(checkKey, nil), store.PutOptions{Expect: store.Absent})
		if err != nil {
			return fmt.Errorf("credentials: store the check of the key: %w", err)
		}
		return nil
	}
	if _, err := v.sealer.open(checkKey, check.Value); err != nil {
		return fmt.Errorf("credentials: key file %q holds another key than before, and %s", path, lostKey)
	}
	return nil
}

// Reload takes other logins and reads the password files again. The key file
// cannot change. After an error all is as before.
func (v *Vault) Reload(cfg Config) error {
	if cfg.keyFile() != v.keyFile {
		return errors.New("credentials: a change of key_file needs a restart")
	}
	logins, err := newLogins(cfg.Logins)
	if err != nil {
		return err
	}
	v.logins.Store(&logins)
	return nil
}

// Key returns a key of 32 bytes for a purpose, such as tokens or nonces, which
// tells nothing of the other keys. It is the same as long as the key file is.
func (v *Vault) Key(purpose string) []byte {
	key, err := derive(v.key, "key "+purpose)
	if err != nil {
		panic("credentials: " + err.Error()) // SHA-256 with constant lengths
	}
	return key
}

// Get returns what is known of a device: what was learned, also what is not
// stored yet, and under it the first configured login that is for the device.
// A device of which nothing is known has an empty set. An error means that the
// store could not be read, or that the device's record cannot be decrypted; the
// configured login is returned with it.
func (v *Vault) Get(ctx context.Context, id cwmp.DeviceID) (Set, error) {
	configured := loginOf(*v.logins.Load(), id)
	pending := v.queue.get(id.Key()) // before the store: what is written meanwhile is in one of them
	learned := pending.set
	if !pending.forget {
		stored, _, err := v.stored(ctx, id)
		if err != nil {
			return learned.Over(configured), fmt.Errorf("credentials: logins of device %s: %w", id, err)
		}
		learned = learned.Over(stored)
	}
	return learned.Over(configured), nil
}

// stored reads a device's record.
func (v *Vault) stored(ctx context.Context, id cwmp.DeviceID) (s Set, found bool, err error) {
	key := recordPrefix + id.String()
	if store.CheckKey(key) != nil {
		return Set{}, false, nil
	}
	entry, err := v.deps.Store.Get(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Set{}, false, nil
	case err != nil:
		return Set{}, false, err
	}
	s, err = v.open(key, entry.Value)
	return s, err == nil, err
}

func (v *Vault) open(key string, value []byte) (Set, error) {
	text, err := v.sealer.open(key, value)
	if err != nil {
		return Set{}, fmt.Errorf("the record %w", err)
	}
	s, err := parseSet(text)
	if err != nil {
		return Set{}, fmt.Errorf("the record %w", err)
	}
	return s, nil
}

// STUNPassword returns the password of a STUN user name, which is without
// padding: the one that was learned, else that of the first configured login that
// makes such names. It reads memory alone and takes none; the caller must not
// change the result.
func (v *Vault) STUNPassword(username []byte) ([]byte, bool) {
	if password, ok := v.index.password(username); ok {
		return password, true
	}
	return stunPasswordOf(*v.logins.Load(), username)
}

// Users returns the devices of which a STUN user name was learned, without their
// Manufacturer, with that name. Several devices may have one name.
func (v *Vault) Users() iter.Seq2[cwmp.DeviceID, string] {
	return func(yield func(cwmp.DeviceID, string) bool) {
		for _, r := range v.index.records() {
			key, name := r.key(), string(r.username())
			id := cwmp.DeviceID{OUI: key.OUI, ProductClass: key.ProductClass, SerialNumber: key.SerialNumber}
			if name != "" && !yield(id, name) {
				return
			}
		}
	}
}

// Format keeps what the vault holds out of whatever prints it.
func (v *Vault) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "credential.Vault") // package fmt keeps no errors
}
