package boltstore

import (
	"bytes"
	"fmt"
)

const (
	elementSize  = 16 // bytes of an element of a branch or leaf page
	bucketHeader = 16 // bytes of a bucket's root page and sequence
	flagBucket   = 0x01
	// maxDepth is more than any tree needs: two keys a page make 2^60 of them.
	maxDepth = 60
)

// child is a page that another refers to, with the keys that it may hold: from
// least on and below limit, nil for no bound.
type child struct {
	id           uint64
	least, limit []byte
}

// checkTree checks the page and all below it. Every page is seen once only, so
// the check ends whatever the pages say.
func (in *inspector) checkTree(id uint64, least, limit []byte, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("page %d lies too deep", id)
	}
	p, b, err := in.read(id)
	if err != nil {
		return err
	}
	var children []child
	switch p.flags {
	case flagBranch:
		children, err = branch(b, int(p.count), least, limit)
	case flagLeaf:
		children, err = leaf(b, int(p.count), least, limit)
	default:
		err = fmt.Errorf("is of kind %#x", p.flags)
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	for _, c := range children {
		if err := in.checkTree(c.id, c.least, c.limit, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// branch checks the elements of a branch page and returns what they refer to.
func branch(b []byte, count int, least, limit []byte) ([]child, error) {
	if count == 0 {
		return nil, fmt.Errorf("has no elements")
	}
	order := keyOrder{least: least, limit: limit}
	children := make([]child, 0, count)
	for i := range count {
		e, err := element(b, i)
		if err != nil {
			return nil, err
		}
		key, err := part(b, i, int64(native.Uint32(e[0:])), int64(native.Uint32(e[4:])))
		if err == nil {
			err = order.next(key)
		}
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		children = append(children, child{id: native.Uint64(e[8:]), least: bytes.Clone(key), limit: limit})
		if i > 0 {
			children[i-1].limit = children[i].least
		}
	}
	return children, nil
}

// leaf checks the elements of a leaf page and returns the roots of the buckets
// among them.
func leaf(b []byte, count int, least, limit []byte) (roots []child, err error) {
	order := keyOrder{least: least, limit: limit}
	for i := range count {
		e, err := element(b, i)
		if err != nil {
			return nil, err
		}
		pos, keySize, valueSize := int64(native.Uint32(e[4:])), int64(native.Uint32(e[8:])), int64(native.Uint32(e[12:]))
		key, err := part(b, i, pos, keySize)
		if err == nil {
			err = order.next(key)
		}
		var value []byte
		if err == nil {
			value, err = part(b, i, pos+keySize, valueSize)
		}
		if err == nil && native.Uint32(e[0:])&flagBucket != 0 {
			roots, err = bucket(value, roots)
		}
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return roots, nil
}

// bucket checks a bucket's value: the page number of its root, or, for 0, a leaf
// page within the value.
func bucket(value []byte, roots []child) ([]child, error) {
	if len(value) < bucketHeader {
		return nil, fmt.Errorf("bucket of %d bytes", len(value))
	}
	if root := native.Uint64(value); root != 0 {
		return append(roots, child{id: root}), nil
	}
	inline := value[bucketHeader:]
	if len(inline) < pageHeader {
		return nil, fmt.Errorf("bucket of %d bytes", len(value))
	}
	if flags := native.Uint16(inline[8:]); flags != flagLeaf {
		return nil, fmt.Errorf("bucket's page is of kind %#x", flags)
	}
	below, err := leaf(inline, int(native.Uint16(inline[10:])), nil, nil)
	if err == nil && len(below) > 0 {
		err = fmt.Errorf("bucket in a bucket's page")
	}
	return roots, err
}

func element(b []byte, i int) ([]byte, error) {
	start := pageHeader + i*elementSize
	if start+elementSize > len(b) {
		return nil, fmt.Errorf("element %d lies outside", i)
	}
	return b[start : start+elementSize], nil
}

// part returns bytes of a page whose position counts from that of element i.
func part(b []byte, i int, pos, size int64) ([]byte, error) {
	start := int64(pageHeader+i*elementSize) + pos
	if pos < elementSize || start+size > int64(len(b)) {
		return nil, fmt.Errorf("lies outside")
	}
	return b[start : start+size], nil
}

// keyOrder checks that keys ascend within bounds.
type keyOrder struct {
	least, limit []byte
	last         []byte
	begun        bool
}

func (o *keyOrder) next(key []byte) error {
	switch {
	case !o.begun && bytes.Compare(key, o.least) < 0:
		return fmt.Errorf("key below those of the page")
	case o.begun && bytes.Compare(key, o.last) <= 0:
		return fmt.Errorf("key out of order")
	case o.limit != nil && bytes.Compare(key, o.limit) >= 0:
		return fmt.Errorf("key above those of the page")
	}
	o.last, o.begun = key, true
	return nil
}
