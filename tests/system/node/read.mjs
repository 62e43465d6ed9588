// Open and seal age files with the implementation of npm's age-encryption, which shares no line with pyrage.
//   node read.mjs decrypt IDENTITY < FILE.age > VALUE        node read.mjs encrypt RECIPIENT < VALUE > FILE.age
import { readFileSync, writeSync } from "node:fs";
import { Decrypter, Encrypter } from "age-encryption";

const [how, key] = process.argv.slice(2);
const given = new Uint8Array(readFileSync(0));
let made;
if (how === "decrypt") {
  const decrypter = new Decrypter();
  decrypter.addIdentity(key);
  made = await decrypter.decrypt(given);
} else {
  const encrypter = new Encrypter();
  encrypter.addRecipient(key);
  made = await encrypter.encrypt(given);
}
for (let at = 0; at < made.length; ) at += writeSync(1, made, at);
