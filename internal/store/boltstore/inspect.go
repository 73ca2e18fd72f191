package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
)

// The parts of bbolt's file format that are checked before bbolt trusts them.
// It takes what its pages say for granted: damage would be noticed by a fault
// much later, after more harm, or not at all.
const (
	metaMagic     = 0xED0CDAED
	metaSize      = 64 // bytes, the last 8 of them the checksum
	pageHeader    = 16
	flagBranch    = 0x01
	flagLeaf      = 0x02
	flagFreelist  = 0x10
	noFreelist    = ^uint64(0)
	manyFreePages = 0xFFFF // the count that says that the true one follows
)

var native = binary.NativeEndian

// meta is what a meta page says.
type meta struct {
	root, freelist, pages, txid uint64
}

// page is the header of any page.
type page struct {
	id       uint64
	flags    uint16
	count    uint16
	overflow uint32
}

// inspector reads a file that nobody writes to.
type inspector struct {
	file     io.ReaderAt
	pageSize int64
	meta     meta
	used     []bool // pages that were seen, or are free
	buffer   []byte
}

// inspect checks the structure of the whole file, while it holds bbolt's shared
// lock, so that nobody writes to it meanwhile.
func inspect(path string, timeout time.Duration) error {
	db, err := bolt.Open(path, 0, &bolt.Options{ReadOnly: true, Timeout: timeout, NoStatistics: true})
	if err != nil {
		return err
	}
	err = inspectPages(path, int64(db.Info().PageSize))
	return errors.Join(err, db.Close())
}

func inspectPages(path string, pageSize int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	in := inspector{file: f, pageSize: pageSize}
	if err := in.readMeta(); err != nil {
		return damaged(path, "%v", err)
	}
	if pages := uint64(info.Size() / pageSize); pages < in.meta.pages {
		return damaged(path, "truncated to %d of %d pages", pages, in.meta.pages)
	}
	in.used = make([]bool, max(in.meta.pages, 2))
	in.used[0], in.used[1] = true, true // the meta pages
	if err := in.checkFreelist(); err != nil {
		return damaged(path, "%v", err)
	}
	if err := in.checkTree(in.meta.root, nil, nil, 0); err != nil {
		return damaged(path, "%v", err)
	}
	return nil
}

// readMeta takes the newest meta page whose checksum is right. The other one may
// be damaged: then the last commit was not completed.
func (in *inspector) readMeta() error {
	found := false
	for i := range int64(2) {
		var b [metaSize]byte
		if _, err := in.file.ReadAt(b[:], i*in.pageSize+pageHeader); err != nil {
			continue
		}
		sum := fnv.New64a()
		sum.Write(b[:metaSize-8])
		if native.Uint32(b[0:]) != metaMagic || native.Uint64(b[56:]) != sum.Sum64() {
			continue
		}
		m := meta{
			root: native.Uint64(b[16:]), freelist: native.Uint64(b[32:]),
			pages: native.Uint64(b[40:]), txid: native.Uint64(b[48:]),
		}
		if !found || m.txid > in.meta.txid {
			in.meta, found = m, true
		}
	}
	if !found {
		return errors.New("no intact meta page")
	}
	return nil
}

// checkFreelist makes sure that the pages to be written next are pages of the
// file, each listed once.
func (in *inspector) checkFreelist() error {
	id := in.meta.freelist
	if id == noFreelist {
		return errors.New("no list of free pages")
	}
	p, b, err := in.read(id)
	if err != nil {
		return err
	}
	if p.flags != flagFreelist {
		return fmt.Errorf("freelist page %d is of kind %#x", id, p.flags)
	}
	b = b[pageHeader:]
	count := uint64(p.count)
	if p.count == manyFreePages {
		count, b = native.Uint64(b), b[8:]
	}
	if count > uint64(len(b)/8) {
		return fmt.Errorf("freelist page %d claims %d free pages", id, count)
	}
	for i := range count {
		free := native.Uint64(b[8*i:])
		if free >= in.meta.pages || in.used[free] {
			return fmt.Errorf("freelist page %d lists page %d wrongly", id, free)
		}
		in.used[free] = true
	}
	return nil
}

// checkBeforeCommit looks at the one page whose header bbolt believes unseen when
// it commits: the list of free pages, which it frees page by page.
func (s *Store) checkBeforeCommit() error {
	in := inspector{file: s.file, pageSize: int64(s.db.Info().PageSize)}
	err := in.readMeta()
	if err == nil {
		_, _, err = in.readFirst(in.meta.freelist)
	}
	if err != nil {
		return damaged(s.path, "%v", err)
	}
	return nil
}

// read reads a page with its overflow and notes that it belongs to nothing else.
// The bytes are valid until the next call.
func (in *inspector) read(id uint64) (page, []byte, error) {
	p, b, err := in.readFirst(id)
	if err != nil {
		return page{}, nil, err
	}
	for i := id; i <= id+uint64(p.overflow); i++ {
		if in.used[i] {
			return page{}, nil, fmt.Errorf("page %d has two uses", i)
		}
		in.used[i] = true
	}
	if p.overflow > 0 {
		b, err = in.readAt(id, 1+int64(p.overflow))
	}
	return p, b, err
}

// readFirst reads a page without its overflow and checks that it is that page.
func (in *inspector) readFirst(id uint64) (page, []byte, error) {
	if id >= in.meta.pages {
		return page{}, nil, fmt.Errorf("page %d does not exist", id)
	}
	b, err := in.readAt(id, 1)
	if err != nil {
		return page{}, nil, err
	}
	p := page{id: native.Uint64(b[0:]), flags: native.Uint16(b[8:]), count: native.Uint16(b[10:]), overflow: native.Uint32(b[12:])}
	if p.id != id {
		return page{}, nil, fmt.Errorf("page %d says that it is page %d", id, p.id)
	}
	if id+uint64(p.overflow) >= in.meta.pages {
		return page{}, nil, fmt.Errorf("page %d is longer than the file", id)
	}
	return p, b, nil
}

func (in *inspector) readAt(id uint64, pages int64) ([]byte, error) {
	if size := pages * in.pageSize; int64(len(in.buffer)) < size {
		in.buffer = make([]byte, size)
	}
	b := in.buffer[:pages*in.pageSize]
	if _, err := in.file.ReadAt(b, int64(id)*in.pageSize); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	return b, nil
}
