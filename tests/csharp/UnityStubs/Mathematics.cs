// Stub of UnityEngine's value types: just what the package uses, and right enough for tests to compute with.
using System;

namespace UnityEngine
{
    public struct Vector2
    {
        public float x, y;

        public Vector2(float x, float y)
        {
            this.x = x;
            this.y = y;
        }
    }

    public struct Vector2Int
    {
        public int x, y;

        public Vector2Int(int x, int y)
        {
            this.x = x;
            this.y = y;
        }
    }

    public struct Vector3
    {
        public float x, y, z;

        public Vector3(float x, float y, float z)
        {
            this.x = x;
            this.y = y;
            this.z = z;
        }

        public static Vector3 zero => new Vector3(0, 0, 0);
        public static Vector3 one => new Vector3(1, 1, 1);
        public static Vector3 forward => new Vector3(0, 0, 1);
        public static Vector3 up => new Vector3(0, 1, 0);

        public float magnitude => (float)Math.Sqrt(x * x + y * y + z * z);

        public Vector3 normalized => this / magnitude;

        public float this[int index] => index == 0 ? x : index == 1 ? y : z;

        public static Vector3 operator +(Vector3 a, Vector3 b) => new Vector3(a.x + b.x, a.y + b.y, a.z + b.z);

        public static Vector3 operator -(Vector3 a, Vector3 b) => new Vector3(a.x - b.x, a.y - b.y, a.z - b.z);

        public static Vector3 operator *(Vector3 a, float b) => new Vector3(a.x * b, a.y * b, a.z * b);

        public static Vector3 operator /(Vector3 a, float b) => new Vector3(a.x / b, a.y / b, a.z / b);
    }

    public struct Vector4
    {
        public float x, y, z, w;

        public Vector4(float x, float y, float z, float w)
        {
            this.x = x;
            this.y = y;
            this.z = z;
            this.w = w;
        }
    }

    public struct Quaternion
    {
        public float x, y, z, w;

        public Quaternion(float x, float y, float z, float w)
        {
            this.x = x;
            this.y = y;
            this.z = z;
            this.w = w;
        }

        public static Quaternion identity => new Quaternion(0, 0, 0, 1);

        /// <summary>Only yaw is right, which is all the tests turn; the others read 0.</summary>
        public Vector3 eulerAngles => new Vector3(0, (float)(2 * Math.Atan2(y, w) * 180 / Math.PI), 0);

        public static Quaternion Euler(float x, float y, float z)
        {
            double a = x * Math.PI / 360, b = y * Math.PI / 360, c = z * Math.PI / 360;
            var pitch = new Quaternion((float)Math.Sin(a), 0, 0, (float)Math.Cos(a));
            var yaw = new Quaternion(0, (float)Math.Sin(b), 0, (float)Math.Cos(b));
            var roll = new Quaternion(0, 0, (float)Math.Sin(c), (float)Math.Cos(c));
            return yaw * pitch * roll;
        }

        public static Quaternion operator *(Quaternion a, Quaternion b) => new Quaternion(
            a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y,
            a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,
            a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w,
            a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z);

        public static Vector3 operator *(Quaternion q, Vector3 v)
        {
            var p = q * new Quaternion(v.x, v.y, v.z, 0) * new Quaternion(-q.x, -q.y, -q.z, q.w);
            return new Vector3(p.x, p.y, p.z);
        }
    }

    public struct Matrix4x4
    {
        Quaternion _rotation;
        Vector3 _position, _scale;
        float[] _numbers;

        public float this[int row, int column]
        {
            get => _numbers == null ? 0 : _numbers[column * 4 + row];
            set => (_numbers ??= new float[16])[column * 4 + row] = value;
        }

        /// <summary>Of a matrix made by TRS only.</summary>
        public Matrix4x4 inverse => this;

        public static Matrix4x4 TRS(Vector3 pos, Quaternion q, Vector3 s) => new Matrix4x4 { _position = pos, _rotation = q, _scale = s };

        public static Matrix4x4 Perspective(float fov, float aspect, float zNear, float zFar)
        {
            var f = (float)(1 / Math.Tan(fov * Math.PI / 360));
            var matrix = new Matrix4x4();
            matrix[0, 0] = f / aspect;
            matrix[1, 1] = f;
            matrix[2, 2] = -(zFar + zNear) / (zFar - zNear);
            matrix[2, 3] = -2 * zFar * zNear / (zFar - zNear);
            matrix[3, 2] = -1;
            return matrix;
        }
    }

    public struct Pose
    {
        public Vector3 position;
        public Quaternion rotation;

        public Pose(Vector3 position, Quaternion rotation)
        {
            this.position = position;
            this.rotation = rotation;
        }
    }

    public struct Color
    {
        public float r, g, b, a;

        public Color(float r, float g, float b, float a = 1)
        {
            this.r = r;
            this.g = g;
            this.b = b;
            this.a = a;
        }
    }

    public struct Rect
    {
        public float x, y, width, height;

        public Rect(float x, float y, float width, float height)
        {
            this.x = x;
            this.y = y;
            this.width = width;
            this.height = height;
        }

        public float yMax => y + height;
    }

    public static class Mathf
    {
        public const float Rad2Deg = (float)(180 / Math.PI);

        public static float Atan2(float y, float x) => (float)Math.Atan2(y, x);

        public static float Max(float a, float b) => Math.Max(a, b);

        public static int Max(int a, int b) => Math.Max(a, b);

        public static int Min(int a, int b) => Math.Min(a, b);

        public static float Clamp(float value, float min, float max) => Math.Max(min, Math.Min(max, value));

        public static float Clamp01(float value) => Math.Max(0, Math.Min(1, value));

        public static int RoundToInt(float f) => (int)Math.Round(f);
    }
}
