package envelope

import (
	"context"
	"io"
	"os"
	"path/filepath"
)

// SealFile seals the file source. It creates target only when it is complete, readable by its owner only.
func (s *Sealer) SealFile(ctx context.Context, target, source string, associatedData []byte) error {
	return convert(target, source, func(out io.Writer, in io.Reader) error {
		return s.Copy(ctx, out, in, associatedData)
	})
}

// OpenFile opens the file source. It creates target only when the whole envelope is verified, readable by its owner only.
func (o *Opener) OpenFile(ctx context.Context, target, source string, associatedData []byte) error {
	return convert(target, source, func(out io.Writer, in io.Reader) error {
		r, err := o.NewReader(ctx, in, associatedData)
		if err != nil {
			return err
		}
		_, err = r.WriteTo(out)
		return err
	})
}

// convert writes a temporary file and renames it to target at the end.
func convert(target, source string, work func(io.Writer, io.Reader) error) (err error) {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.CreateTemp(filepath.Dir(target), ".keyway-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = out.Close()
			_ = os.Remove(out.Name())
		}
	}()
	if err := work(out, in); err != nil {
		return err
	}
	// Sync before the rename, so that a crash leaves no incomplete file.
	if err := out.Sync(); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(out.Name(), target)
}
