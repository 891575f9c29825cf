// A panel with its chart as a picture to keep. It is drawn from what the page shows, word by word and
// shape by shape, so that a chart looks the same in the picture as on the page.
"use strict";
(() => {
  const SHARPNESS = 2;
  const MARGIN = 16;
  const LEFT_OUT = ".visually-hidden, .downloads, details, button, title, script";
  const PAINTED = new Set(["rect", "circle", "line"]);

  const isSeen = (colour) => !["none", "transparent", "rgba(0, 0, 0, 0)"].includes(colour);

  const box = (rect, fill, stroke, width, round) => ({ rect, fill, stroke, width, round });

  const ofShape = (node, style) => {
    const rect = node.getBoundingClientRect();
    const width = parseFloat(style.strokeWidth) || 1;
    return [{ ...box(rect, style.fill, style.stroke, width, node.tagName === "circle"), line: node.tagName === "line" }];
  };

  const ofElement = (node, style) => {
    const rect = node.getBoundingClientRect();
    const found = [];
    if (isSeen(style.backgroundColor)) found.push(box(rect, style.backgroundColor, "none", 0, false));
    const edge = parseFloat(style.borderBottomWidth);
    if (edge && style.borderBottomStyle !== "none" && isSeen(style.borderBottomColor)) {
      found.push(box(new DOMRect(rect.left, rect.bottom - edge, rect.width, edge), style.borderBottomColor, "none", 0, false));
    }
    return found;
  };

  const ofText = (node) => {
    const style = getComputedStyle(node.parentElement);
    const isDrawing = node.parentElement instanceof SVGElement;
    const font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    const range = document.createRange();
    return [...node.data.matchAll(/\S+/g)].map((word) => {
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      return { word: word[0], rect: range.getBoundingClientRect(), font, fill: isDrawing ? style.fill : style.color };
    });
  };

  const marksOf = (panel) => {
    const accept = (node) =>
      node.nodeType === Node.ELEMENT_NODE && node.matches(LEFT_OUT) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT;
    const walker = document.createTreeWalker(panel, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, accept);
    const marks = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.nodeType === Node.TEXT_NODE) marks.push(...ofText(node));
      else if (PAINTED.has(node.tagName)) marks.push(...ofShape(node, getComputedStyle(node)));
      else if (!(node instanceof SVGElement)) marks.push(...ofElement(node, getComputedStyle(node)));
    }
    return marks.filter((mark) => mark.rect.width || mark.rect.height);
  };

  const drawWord = (pen, mark) => {
    pen.font = mark.font;
    pen.fillStyle = mark.fill;
    const { fontBoundingBoxAscent: up, fontBoundingBoxDescent: down } = pen.measureText(mark.word);
    pen.fillText(mark.word, mark.rect.left, mark.rect.top + (mark.rect.height - up - down) / 2 + up);
  };

  const drawShape = (pen, { rect, fill, stroke, width, round, line }) => {
    pen.beginPath();
    if (line) {
      pen.moveTo(rect.left, rect.top);
      pen.lineTo(rect.right, rect.bottom);
    } else if (round) {
      pen.ellipse(rect.left + rect.width / 2, rect.top + rect.height / 2, rect.width / 2, rect.height / 2, 0, 0, 7);
    } else {
      pen.rect(rect.left, rect.top, rect.width, rect.height);
    }
    if (!line && isSeen(fill)) {
      pen.fillStyle = fill;
      pen.fill();
    }
    if (isSeen(stroke)) {
      pen.strokeStyle = stroke;
      pen.lineWidth = width;
      pen.stroke();
    }
  };

  const drawn = (panel) => {
    const marks = marksOf(panel);
    const frame = panel.getBoundingClientRect();
    const right = Math.max(frame.right, ...marks.map((mark) => mark.rect.right + MARGIN));
    const bottom = Math.max(...marks.map((mark) => mark.rect.bottom)) + MARGIN;
    const canvas = document.createElement("canvas");
    canvas.width = Math.ceil((right - frame.left) * SHARPNESS);
    canvas.height = Math.ceil((bottom - frame.top) * SHARPNESS);
    const pen = canvas.getContext("2d");
    const ground = getComputedStyle(panel).backgroundColor;
    pen.fillStyle = isSeen(ground) ? ground : getComputedStyle(document.body).backgroundColor;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.scale(SHARPNESS, SHARPNESS);
    pen.translate(-frame.left, -frame.top);
    marks.forEach((mark) => (mark.word ? drawWord(pen, mark) : drawShape(pen, mark)));
    return canvas;
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-picture]");
    if (!button) return;
    drawn(button.closest("section")).toBlob((picture) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(picture);
      link.download = button.dataset.picture;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  });
})();
