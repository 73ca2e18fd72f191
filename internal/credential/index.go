package credential

import (
	"encoding/binary"
	"hash/maphash"
	"sync"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// index keeps the STUN logins of devices in memory. A name may be several
// devices': then the one that learned it last, with a password, answers for it. Safe for
// concurrent use; nothing is done while it is locked but looking up.
type index struct {
	seed maphash.Seed
	max  int

	mu      sync.RWMutex
	devices map[uint64]record // by the hash of the device's key
	users   map[uint64]user   // by the hash of the user name
}

// user is who has a user name.
type user struct {
	device uint64 // one of them
	count  uint32 // of devices
}

func newIndex(most int) *index {
	return &index{seed: maphash.MakeSeed(), max: most, devices: map[uint64]record{}, users: map[uint64]user{}}
}

// set takes what is known of a device's STUN login over what was known, or under
// it. fresh tells that the device had another user name, or none, before; ok is
// false if there is no room.
func (x *index) set(id cwmp.DeviceID, l Login, under bool) (fresh, ok bool) {
	key := id.Key()
	device := maphash.Comparable(x.seed, key)
	x.mu.Lock()
	defer x.mu.Unlock()
	old, known := x.devices[device]
	if known && old.key() != key || !known && len(x.devices) >= x.max { // or two devices with one hash, which hardly is
		return false, false
	}
	was := old.login()
	if under {
		l = was.over(l)
	} else {
		l = l.over(was)
	}
	if known && l == was {
		return false, true
	}
	x.devices[device] = newRecord(key, l)
	if l.Username == was.Username {
		return false, true
	}
	x.leave(was.Username, device)
	if l.Username != "" {
		name := maphash.String(x.seed, l.Username)
		u := x.users[name]
		u.count++
		if u.count == 1 || l.Password != "" {
			u.device = device
		}
		x.users[name] = u
	}
	return l.Username != "", true
}

// remove forgets a device.
func (x *index) remove(id cwmp.DeviceID) {
	key := id.Key()
	device := maphash.Comparable(x.seed, key)
	x.mu.Lock()
	defer x.mu.Unlock()
	old, known := x.devices[device]
	if known && old.key() == key {
		delete(x.devices, device)
		x.leave(old.login().Username, device)
	}
}

// leave takes a user name from a device. Another one that has it answers for it
// from then on; it is looked for among all, which is rare: the device must be
// the one that had answered so far.
func (x *index) leave(username string, device uint64) {
	if username == "" {
		return
	}
	name := maphash.String(x.seed, username)
	u := x.users[name]
	if u.count--; u.count == 0 {
		delete(x.users, name)
		return
	}
	if u.device == device {
		for other, r := range x.devices {
			if other != device && string(r.username()) == username {
				u.device = other
				if len(r.password()) > 0 {
					break
				}
			}
		}
	}
	x.users[name] = u
}

// password returns the password of a user name, which the caller must not
// change. It takes no memory.
func (x *index) password(username []byte) ([]byte, bool) {
	name := maphash.Bytes(x.seed, username)
	x.mu.RLock()
	r := x.devices[x.users[name].device]
	x.mu.RUnlock()
	if len(r) == 0 || string(r.username()) != string(username) {
		return nil, false
	}
	password := r.password()
	return password, len(password) > 0
}

func (x *index) size() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.devices)
}

// records returns all records as they are at one moment.
func (x *index) records() []record {
	x.mu.RLock()
	defer x.mu.RUnlock()
	all := make([]record, 0, len(x.devices))
	for _, r := range x.devices {
		all = append(all, r)
	}
	return all
}

// record is one device with its STUN login in one piece: a million of them must
// be little work for the collector. It holds user name, password, OUI, product
// class and serial, each behind its length in two bytes. It is never changed.
type record []byte

func newRecord(key cwmp.Key, l Login) record {
	parts := [...]string{l.Username, string(l.Password), key.OUI, key.ProductClass, key.SerialNumber}
	size := 2 * len(parts)
	for _, part := range parts {
		size += len(part)
	}
	r := make(record, 0, size)
	for _, part := range parts {
		r = binary.BigEndian.AppendUint16(r, uint16(len(part))) // at most maxField, or maxKey, bytes
		r = append(r, part...)
	}
	return r
}

// next cuts the first part off.
func (r record) next() (part, rest []byte) {
	if len(r) == 0 {
		return nil, nil
	}
	end := 2 + int(binary.BigEndian.Uint16(r))
	return r[2:end:end], r[end:]
}

func (r record) username() []byte {
	part, _ := r.next()
	return part
}

func (r record) password() []byte {
	_, rest := r.next()
	part, _ := record(rest).next()
	return part
}

func (r record) login() Login { return Login{string(r.username()), Secret(r.password())} }

func (r record) key() cwmp.Key {
	var parts [5]string
	rest := []byte(r)
	for i := range parts {
		var part []byte
		part, rest = record(rest).next()
		parts[i] = string(part)
	}
	return cwmp.Key{OUI: parts[2], ProductClass: parts[3], SerialNumber: parts[4]}
}
