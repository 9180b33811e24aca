'use strict';
// What the scripts of all pages share. Text of the data is set as text, never as markup.
const $ = id => document.getElementById(id);
const make = (name, className, text) => {
  const e = document.createElement(name);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = plain(text);
  return e;
};
// plain shows what cannot be seen, or turns the direction of what follows, as an escape.
const plain = s => s.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u00a0\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
  c => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
const drawn = (name, attributes) => {
  const e = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const k in attributes) e.setAttribute(k, attributes[k]);
  return e;
};

async function unpack(script) {
  const text = atob(script.textContent), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text());
}

