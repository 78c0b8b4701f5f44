#nullable enable
using System;

namespace Dreamport.Internal
{
    /// <summary>What is suspicious about the pictures of a recording.</summary>
    public enum PictureProblem
    {
        /// <summary>Nothing.</summary>
        None,
        /// <summary>They are all black.</summary>
        Black,
        /// <summary>They no longer change although the camera does.</summary>
        Frozen,
    }

    /// <summary>Looks at a few hundred pixels of every captured frame: a recording must not lie. Allocates nothing.</summary>
    public sealed class PictureWatch
    {
        /// <summary>Frames in a row before it speaks.</summary>
        public const int Patience = 15;
        const int Columns = 24, Rows = 16, BlackBelow = 3;

        int _black, _frozen;
        ulong _last;

        /// <summary>What is suspicious now.</summary>
        public PictureProblem Problem =>
            _black >= Patience ? PictureProblem.Black : _frozen >= Patience ? PictureProblem.Frozen : PictureProblem.None;

        /// <summary>For people; "" when nothing is wrong.</summary>
        public string Message => Problem switch
        {
            PictureProblem.Black => "The captured pictures are black: check the camera's culling mask, its lights and that it renders at all.",
            PictureProblem.Frozen => "The captured pictures do not change although the camera moves: is the camera that moves the one that is captured?",
            _ => "",
        };

        /// <summary>A new episode.</summary>
        public void Clear()
        {
            _black = _frozen = 0;
            _last = 0;
        }

        /// <summary>Looks at one frame: RGBA8, <paramref name="stride"/> bytes from row to row. <paramref name="moved"/>: whether the camera moved
        /// or turned since the frame before.</summary>
        public unsafe void Look(byte* colour, int width, int height, int stride, bool moved)
        {
            ulong hash = 14695981039346656037;
            var brightest = 0;
            for (var row = 0; row < Rows; row++)
            {
                var line = colour + (long)(row * height / Rows) * stride;
                for (var column = 0; column < Columns; column++)
                {
                    var pixel = line + column * width / Columns * 4;
                    brightest = Math.Max(brightest, Math.Max(pixel[0], Math.Max(pixel[1], pixel[2])));
                    hash = (hash ^ *(uint*)pixel) * 1099511628211;
                }
            }
            _black = brightest < BlackBelow ? Math.Min(_black + 1, Patience) : 0;
            if (moved)
                _frozen = hash == _last ? Math.Min(_frozen + 1, Patience) : 0;
            _last = hash;
        }
    }
}
