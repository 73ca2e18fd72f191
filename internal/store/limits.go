package store

import (
	"fmt"
	"time"
)

// Limits of the contract. They leave room for backends on a message broker: NATS
// takes messages of 1 MiB with their headers, and atomic batches of 1000.
const (
	MaxKey    = 512             // bytes of a key
	MaxValue  = 1_000_000       // bytes of a value
	MaxWrites = 1000            // writes of one PutMany
	MaxBatch  = 8 * 1024 * 1024 // bytes of the keys and values of one PutMany
	MinTTL    = time.Second     // the shortest life that an entry can be given

	// WatchBuffer is how many events a watcher may be behind.
	WatchBuffer = 1024
)

// CheckKey returns an error that wraps ErrInvalid if key is outside the limits.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKey {
		return fmt.Errorf("key of %d bytes, want 1 to %d: %w", len(key), MaxKey, ErrInvalid)
	}
	return nil
}

// CheckWrite returns an error that wraps ErrInvalid if the write is outside the
// limits.
func CheckWrite(w Write) error {
	if err := CheckKey(w.Key); err != nil {
		return err
	}
	if len(w.Value) > MaxValue {
		return fmt.Errorf("value of key %q has %d bytes, want at most %d: %w", w.Key, len(w.Value), MaxValue, ErrInvalid)
	}
	if w.TTL != 0 && w.TTL < MinTTL {
		return fmt.Errorf("time to live of key %q is %v, want 0 or at least %v: %w", w.Key, w.TTL, MinTTL, ErrInvalid)
	}
	return nil
}

// CheckMany returns an error that wraps ErrInvalid if the writes are too many,
// too large together, or one of them is outside the limits.
func CheckMany(writes []Write) error {
	if len(writes) > MaxWrites {
		return fmt.Errorf("%d writes at once, want at most %d: %w", len(writes), MaxWrites, ErrInvalid)
	}
	size := 0
	for _, w := range writes {
		if err := CheckWrite(w); err != nil {
			return err
		}
		size += len(w.Key) + len(w.Value)
	}
	if size > MaxBatch {
		return fmt.Errorf("%d bytes at once, want at most %d: %w", size, MaxBatch, ErrInvalid)
	}
	return nil
}
