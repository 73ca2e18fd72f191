package admin

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Bounds of the audit log.
const (
	maxAuditFile   = 16 << 20 // bytes; then it becomes the former file
	maxAudits      = 1000     // that can be asked for
	maxAuditQueue  = 4096     // that wait to be written
	formerSuffix   = ".1"
	auditFileMode  = 0o600
	maxAuditRecord = 64 << 10 // bytes of a line that is read again
)

// audits is the audit log: the last records in memory, and all of them in a file
// that one goroutine writes. Its methods are safe for concurrent use.
type audits struct {
	path     string // "" for no file
	most     int64  // bytes of the file
	log      *zap.Logger
	failures prometheus.Counter
	queue    chan []byte

	mu   sync.Mutex
	last []AuditRecord // oldest first
}

// newAudits reads what the file holds and sees to it that it can be written.
func newAudits(path string, log *zap.Logger, failures prometheus.Counter) (*audits, error) {
	a := &audits{path: path, most: maxAuditFile, log: log, failures: failures, queue: make(chan []byte, maxAuditQueue)}
	if path == "" {
		return a, nil
	}
	for _, name := range []string{path + formerSuffix, path} {
		if err := a.read(name); err != nil {
			return nil, err
		}
	}
	file, err := openAudit(path)
	if err != nil {
		return nil, err
	}
	return a, file.Close()
}

func openAudit(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, auditFileMode)
}

// read takes the last records of a file, if there is one. Lines that are no records,
// such as one that a crash has cut, and those that
// are too long are skipped.
func (a *audits) read(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewReaderSize(file, maxAuditRecord)
	for whole := true; ; {
		line, err := lines.ReadSlice('\n')
		var record AuditRecord
		if whole && json.Unmarshal(line, &record) == nil && record.At != "" {
			a.remember(record)
		}
		whole = !errors.Is(err, bufio.ErrBufferFull) // what follows is the rest of this line
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && whole:
			return err
		}
	}
}

func (a *audits) remember(record AuditRecord) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.last) == maxAudits {
		a.last = slices.Delete(a.last, 0, 1)
	}
	a.last = append(a.last, record)
}

// latest returns at most so many records, the newest first.
func (a *audits) latest(n int) []AuditRecord {
	a.mu.Lock()
	defer a.mu.Unlock()
	found := slices.Clone(a.last[max(0, len(a.last)-n):])
	slices.Reverse(found)
	return found
}

// add takes a record. One for which the queue has no room is counted: it is in the
// log of the process still.
func (a *audits) add(record AuditRecord) {
	a.remember(record)
	if a.path == "" {
		return
	}
	line, err := json.Marshal(record)
	if err != nil {
		a.failures.Inc()
		return
	}
	select {
	case a.queue <- append(line, '\n'):
	default:
		a.failures.Inc()
	}
}

// run writes records until stop is closed and all are written.
func (a *audits) run(stop <-chan struct{}) {
	w := auditWriter{audits: a}
	defer w.close()
	for {
		select {
		case line := <-a.queue:
			w.write(line)
			continue
		default:
		}
		select {
		case line := <-a.queue:
			w.write(line)
		case <-stop:
			if len(a.queue) == 0 {
				return
			}
		}
	}
}

// auditWriter writes the file. One goroutine has it.
type auditWriter struct {
	*audits
	file   *os.File // nil until the first record, and after a failure
	size   int64
	failed bool // which was logged
}

// write appends a line. That it fails is logged once until it works again.
func (w *auditWriter) write(line []byte) {
	err := w.try(line)
	if err != nil {
		w.failures.Inc()
		w.close()
		if !w.failed {
			w.log.Error("the audit file cannot be written: free its disk or correct admin.audit_file", zap.Error(err))
		}
	}
	w.failed = err != nil
}

func (w *auditWriter) try(line []byte) error {
	if err := w.open(); err != nil {
		return err
	}
	if w.size > 0 && w.size+int64(len(line)) > w.most {
		w.close()
		if err := os.Rename(w.path, w.path+formerSuffix); err != nil {
			return err
		}
		if err := w.open(); err != nil {
			return err
		}
	}
	n, err := w.file.Write(line)
	w.size += int64(n)
	return err
}

// open opens the file unless it is open, and ends a line that was cut there.
func (w *auditWriter) open() error {
	if w.file != nil {
		return nil
	}
	file, err := openAudit(w.path)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	w.file, w.size = file, info.Size()
	if w.size == 0 {
		return nil
	}
	end, err := lastByte(w.path, w.size)
	if err == nil && !bytes.Equal(end, []byte{'\n'}) {
		_, err = file.Write([]byte{'\n'})
		w.size++
	}
	if err != nil {
		return fmt.Errorf("end of the file: %w", err)
	}
	return nil
}

func lastByte(path string, size int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	end := make([]byte, 1)
	_, err = file.ReadAt(end, size-1)
	return end, err
}

func (w *auditWriter) close() {
	if w.file != nil {
		_ = w.file.Close()
		w.file = nil
	}
}
