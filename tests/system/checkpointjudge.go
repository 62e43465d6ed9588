// Is this the checkpoint of that log, in the eyes of Go's own sumdb/note and tlog?
//
//	checkpointjudge VKEY-FILE FOLDER NOTE...
//
// Every note is opened, its root is compared with the tree of the first raw lines, each line is proved to be in it, and
// each note is proved to go on from the one before it.
package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	vkey := read(os.Args[1])
	verifier, err := note.NewVerifier(strings.TrimSuffix(string(vkey), "\n"))
	check(err)
	lines := readLines(os.Args[2])
	var stored []tlog.Hash
	hashes := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for place, index := range indexes {
			found[place] = stored[index]
		}
		return found, nil
	})
	for number, line := range lines {
		more, err := tlog.StoredHashes(int64(number), line, hashes)
		check(err)
		stored = append(stored, more...)
	}
	var lastSize int64
	var lastRoot tlog.Hash
	for _, path := range os.Args[3:] {
		opened, err := note.Open(read(path), note.VerifierList(verifier))
		check(err)
		said := strings.Split(opened.Text, "\n")
		if said[0] != verifier.Name() {
			fail("the origin is " + said[0])
		}
		size, err := strconv.ParseInt(said[1], 10, 64)
		check(err)
		raw, err := base64.StdEncoding.DecodeString(said[2])
		check(err)
		var root tlog.Hash
		copy(root[:], raw)
		ours, err := tlog.TreeHash(size, hashes)
		check(err)
		if ours != root {
			fail(fmt.Sprintf("the root of %d lines is %v, not %v", size, ours, root))
		}
		for number := int64(0); number < size; number++ {
			proof, err := tlog.ProveRecord(size, number, hashes)
			check(err)
			check(tlog.CheckRecord(proof, size, root, number, tlog.RecordHash(lines[number])))
		}
		if lastSize > 0 {
			proof, err := tlog.ProveTree(size, lastSize, hashes)
			check(err)
			check(tlog.CheckTree(proof, size, root, lastSize, lastRoot))
		}
		lastSize, lastRoot = size, root
		fmt.Println("holds", size)
	}
}

func readLines(folder string) [][]byte {
	paths, err := filepath.Glob(folder + "/*.jsonl")
	check(err)
	sort.Strings(paths)
	var lines [][]byte
	for _, path := range paths {
		pieces := bytes.Split(read(path), []byte("\n"))
		lines = append(lines, pieces[:len(pieces)-1]...)
	}
	return lines
}

func read(path string) []byte {
	raw, err := os.ReadFile(path)
	check(err)
	return raw
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(what string) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(1)
}
