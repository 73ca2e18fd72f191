package telemetry

import (
	"fmt"
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// NewLogger returns a logger that writes one line per entry to w, each with a
// single Write, so that lines of several goroutines never mix. It neither
// samples nor buffers: a line that was logged has been written. The logger is
// safe for concurrent use; w need not be.
func NewLogger(c LogConfig, w io.Writer) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(c.Level)
	if err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	encoder, err := newEncoder(c.Format)
	if err != nil {
		return nil, err
	}
	out := zapcore.Lock(zapcore.AddSync(w))
	return zap.New(zapcore.NewCore(encoder, out, level), zap.ErrorOutput(out)), nil
}

func newEncoder(format string) (zapcore.Encoder, error) {
	c := zapcore.EncoderConfig{
		TimeKey:        "time",
		LevelKey:       "level",
		NameKey:        "logger",
		MessageKey:     "msg",
		EncodeTime:     zapcore.RFC3339NanoTimeEncoder,
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeDuration: zapcore.StringDurationEncoder,
	}
	switch format {
	case FormatJSON:
		// Numbers, because pipelines compute with them.
		c.EncodeDuration = zapcore.SecondsDurationEncoder
		return zapcore.NewJSONEncoder(c), nil
	case FormatConsole:
		c.EncodeTime = zapcore.ISO8601TimeEncoder
		return zapcore.NewConsoleEncoder(c), nil
	default:
		return nil, fmt.Errorf("log.format: %q is not one of %s, %s", format, FormatConsole, FormatJSON)
	}
}
