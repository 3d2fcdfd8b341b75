package images

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
)

var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// CheckBinary says why a program can't be all that is in an image for linux on
// the processor arch, amd64 or arm64.
func CheckBinary(file, arch string) error {
	program, err := elf.Open(file)
	var format *elf.FormatError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no %s", file)
	case errors.As(err, &format):
		return fmt.Errorf("%s is no program for linux", file)
	case err != nil:
		return err
	}
	defer program.Close()
	if program.Machine != machines[arch] {
		return fmt.Errorf("%s is for another processor than %s", file, arch)
	}
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP {
			return fmt.Errorf("%s needs libraries that the image does not have: build it with CGO_ENABLED=0", file)
		}
	}
	return nil
}
