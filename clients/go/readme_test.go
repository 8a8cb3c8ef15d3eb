package keyway_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The code in the README equals the code of the examples, which compiles.
func TestReadmePrintsTheExamples(t *testing.T) {
	readme := read(t, "README.md")
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readme, -1)
	if len(blocks) != 5 {
		t.Fatalf("%d blocks", len(blocks))
	}
	_, program, _ := strings.Cut(read(t, "examples/first_call/main.go"), "\n")
	if blocks[0][1] != program {
		t.Error("the first call differs")
	}
	var examples []string
	for _, file := range []string{"example_test.go", "envelope/example_test.go"} {
		examples = append(examples, code(read(t, file))...)
	}
	for _, block := range blocks[1:] {
		for _, line := range code(block[1]) {
			if !slices.Contains(examples, line) {
				t.Errorf("no example has %q", line)
			}
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

var comment = regexp.MustCompile(`(^|\s+)//.*`)

// code returns the lines of a text without comments and indentation.
func code(text string) []string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(comment.ReplaceAllString(line, "")); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
