// What is like what in a picture: a direction for each pixel, whose cosine with another tells how alike they are.

import { request } from "./jobs.js";

const SENT = 512;  // Pixels of the long side of what is sent; deep features are those of fewer.
const AROUND = 2;  // Pixels around a place that count as it, to each side.
const SOFT = 0.05;  // Of a cosine: how far from the border of what is selected a mask is grey.

export class Likeness {
  // As the service knows it; its worker computes deep features.
  static async of(image) {
    const scale = Math.min(1, SENT / Math.max(image.width, image.height));
    const sides = [image.width, image.height].map((side) => Math.max(1, Math.round(side * scale)));
    const small = new OffscreenCanvas(...sides);
    small.getContext("2d").drawImage(image, 0, 0, ...sides);
    const form = new FormData();
    form.append("content", await small.convertToBlob({ type: "image/png" }), "content");
    const answer = await request("v1/likeness", { method: "POST", body: form });
    const strips = await createImageBitmap(await answer.blob(), { colorSpaceConversion: "none" });
    return new Likeness(strips);
  }

  // `strips` are three pictures, one above the other, each with three components as its colors.
  constructor(strips) {
    const { width, height } = strips;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(strips, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    this.width = width;
    this.height = height / 3;
    const pixels = this.width * this.height;
    this.components = Array.from({ length: 9 }, (_, number) => {
      const plane = new Float32Array(pixels);
      const start = 4 * pixels * Math.floor(number / 3) + (number % 3);
      for (let pixel = 0; pixel < pixels; pixel++) plane[pixel] = data[start + 4 * pixel] / 127.5 - 1;
      return plane;
    });
  }

  // A canvas, opaque where the picture is like a place of it: x and y go from 0 to 1.
  selected(x, y, alike) {
    const direction = this.around(x * this.width, y * this.height);
    const cosines = new Float32Array(this.width * this.height);
    this.components.forEach((plane, number) => {
      for (let pixel = 0; pixel < plane.length; pixel++) cosines[pixel] += direction[number] * plane[pixel];
    });
    const canvas = new OffscreenCanvas(this.width, this.height);
    const context = canvas.getContext("2d");
    const mask = context.createImageData(this.width, this.height);
    cosines.forEach((cosine, pixel) => {
      mask.data[4 * pixel + 3] = 255 / (1 + Math.exp((alike - cosine) / SOFT));
    });
    context.putImageData(mask, 0, 0);
    return canvas;
  }

  // The mean direction of the pixels around one, of length 1.
  around(x, y) {
    const within = (value, count) => Math.min(count - 1, Math.max(0, Math.floor(value)));
    const sums = this.components.map((plane) => {
      let sum = 0;
      for (let down = -AROUND; down <= AROUND; down++) {
        for (let right = -AROUND; right <= AROUND; right++) {
          sum += plane[within(y + down, this.height) * this.width + within(x + right, this.width)];
        }
      }
      return sum;
    });
    const length = Math.hypot(...sums) || 1;
    return sums.map((sum) => sum / length);
  }
}
