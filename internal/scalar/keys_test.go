package scalar

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
)

// TestKeys fails when keys change. Then raise Keys, and set the sum here.
func TestKeys(t *testing.T) {
	const keys, sum = 1, "106c89a48d0d3b95"
	hash := sha256.New()
	for r := rune(0); r < 0x20000; r++ {
		fmt.Fprintln(hash, Fold(string(r)), SoundKey(string(r)))
	}
	for name := range strings.FieldsSeq(alike + apart) {
		fmt.Fprintln(hash, Fold(name), SoundKey(name))
	}
	if got := fmt.Sprintf("%x", hash.Sum(nil)[:8]); Keys != keys || got != sum {
		t.Errorf("version %d of the keys has the sum %s, want version %d with %s", Keys, got, keys, sum)
	}
}
